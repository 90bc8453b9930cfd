
DROP ROLE IF EXISTS {reader}, {agent}, {broker};
