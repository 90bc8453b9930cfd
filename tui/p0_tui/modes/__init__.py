"""The four modes of the work screen: Request, Mine, Inbox, History. Each fetches for itself, in workers of its own."""
