"""The stage that trains the colour network on grey pictures of faces, beside a model that stays as it is."""
