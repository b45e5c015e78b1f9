"""The rules of the API: who may call, what each operation takes, and what it answers. It knows nothing of sockets."""
