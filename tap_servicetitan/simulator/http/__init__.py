"""HTTP: the socket, the paths that control the simulator, and the log of requests."""
