"""The socket, the page and the paths that control the simulator."""
