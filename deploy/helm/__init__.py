"""The Helm chart, what is made from it, and the program that renders it."""
