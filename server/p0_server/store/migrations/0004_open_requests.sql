-- What is open of one person's, however much they have asked for before.

CREATE INDEX requests_open ON requests (iss, sub) WHERE state IN ('submitted', 'pending', 'approved');
