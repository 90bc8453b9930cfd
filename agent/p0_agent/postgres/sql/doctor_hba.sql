-- Rules of pg_hba.conf by which a login may come in without SCRAM or, from elsewhere, without TLS.
SELECT 'pg_hba.conf line ' || line_number || ': ' || type || ' connections are let in by ' || auth_method
FROM pg_catalog.pg_hba_file_rules
WHERE error IS NULL
  AND (auth_method IN ('trust', 'password', 'md5')
       OR (type IN ('host', 'hostnossl') AND auth_method <> 'reject' AND address NOT IN ('127.0.0.1', '::1', 'samehost')))
ORDER BY line_number
