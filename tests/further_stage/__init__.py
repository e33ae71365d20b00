"""A stage that the product does not have: it counts the words of each final.

The package is what a further stage is made of. `registration` does in each process what is a change
of the stage table and of the roles where a stage is to stay.
"""
