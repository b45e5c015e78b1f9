"""A world whose rows move while the tap reads them, its server, and a model of a target."""
