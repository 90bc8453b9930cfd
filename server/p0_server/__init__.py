"""The control plane: metadata only. It routes and stores; nobody has to trust it."""
