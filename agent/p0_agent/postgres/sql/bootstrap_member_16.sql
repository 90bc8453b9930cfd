
-- {agent} inherits nothing: it acts as {broker} or not at all.
GRANT {broker} TO {agent} WITH INHERIT FALSE, SET TRUE, ADMIN FALSE;
ALTER ROLE {agent} SET role = {broker_name};
