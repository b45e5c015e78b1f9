"""HTTP for one tenant; knows nothing of Singer."""
