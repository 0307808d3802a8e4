"""The stages that train a network for references beside a model that stays as it is: colours, or holes."""
