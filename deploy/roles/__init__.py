"""What lists the workers of a site, made from the roles that there are."""
