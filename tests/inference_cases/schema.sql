-- What the cases of inference are read over: a shop, its staff, and one of each thing that engines get wrong.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA shop;
CREATE SCHEMA hr;
CREATE SCHEMA util;

CREATE TYPE shop.status AS ENUM ('new', 'paid', 'sent');
CREATE TYPE shop.addr AS (street text, city text);
CREATE FUNCTION util.is_mail(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 LIKE '%@%' $$;
CREATE FUNCTION util.secret(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
REVOKE EXECUTE ON FUNCTION util.secret(int) FROM PUBLIC;
CREATE DOMAIN shop.email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN shop.checked_email AS text CHECK (util.is_mail(VALUE));
CREATE DOMAIN shop.guarded AS int CHECK (util.secret(VALUE) > 0);

CREATE TABLE shop.customers (
  id serial PRIMARY KEY, name text NOT NULL, email shop.email, country text DEFAULT 'HU', address shop.addr,
  tags text[], info jsonb, created timestamptz DEFAULT now());
CREATE TABLE shop.products (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sku text UNIQUE, name text, price numeric(10, 2) CHECK (price >= 0),
  cents int GENERATED ALWAYS AS ((price * 100)::int) STORED);
CREATE TABLE shop.orders (
  id bigserial PRIMARY KEY, customer_id int REFERENCES shop.customers (id), status shop.status DEFAULT 'new',
  total numeric, placed date DEFAULT current_date, note text);
CREATE TABLE shop.items (
  order_id bigint REFERENCES shop.orders (id) ON DELETE CASCADE, line int, product_id int, qty int DEFAULT 1,
  price numeric, PRIMARY KEY (order_id, line), CONSTRAINT items_uq UNIQUE (order_id, product_id));
CREATE TABLE shop.checked (
  id int, v int CHECK (util.secret(v) > 0), d int DEFAULT util.secret(5), mail shop.checked_email);
CREATE TABLE shop.indexed (id int, v int);
CREATE INDEX indexed_secret ON shop.indexed (util.secret(v)) WHERE util.secret(id) > 0;
CREATE TABLE shop.grants (who text, customer_id int);
CREATE TABLE shop.private (id int, customer_id int, note text);
ALTER TABLE shop.private ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON shop.private FOR SELECT
  USING (customer_id IN (SELECT g.customer_id FROM shop.grants g WHERE g.who = CURRENT_USER));
CREATE POLICY writing ON shop.private FOR INSERT WITH CHECK (util.secret(id) > 0);
CREATE POLICY changing ON shop.private FOR UPDATE USING (note <> 'done') WITH CHECK (util.is_mail(note));
CREATE TABLE shop.closed (id int);
ALTER TABLE shop.closed ENABLE ROW LEVEL SECURITY;
CREATE TABLE shop.audited (id int, v int);
CREATE TABLE shop.audit_log (id serial, what text, row_id int);
CREATE TABLE shop.ruled (id int);
CREATE RULE ruled_insert AS ON INSERT TO shop.ruled DO INSTEAD NOTHING;
CREATE TABLE shop.chain_a (id int);
CREATE TABLE shop.chain_b (id int);
CREATE SEQUENCE shop.seq;

CREATE TABLE hr.employees (id int PRIMARY KEY, name text, lead_id int, dept text, salary numeric, active bool);
CREATE TABLE hr.depts (dept text PRIMARY KEY, title text, head int);
CREATE TABLE hr."Weird Table" ("Id" int, "select" text, "ÁÉ" int);
CREATE TABLE hr.person (id int, name text);
CREATE TABLE hr.worker (job text) INHERITS (hr.person);

CREATE TABLE public.users (id int, login text, name text);
CREATE TABLE public.logs (at timestamptz, msg text, user_id int) PARTITION BY RANGE (at);
CREATE TABLE public.logs_1 PARTITION OF public.logs FOR VALUES FROM ('2020-01-01') TO ('2060-01-01');

CREATE VIEW shop.v_orders AS
  SELECT o.id, c.name AS customer, o.total FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id;
CREATE VIEW shop.v_simple AS SELECT id, name, country FROM shop.customers WHERE country = 'HU';
CREATE VIEW shop.v_paid WITH (security_invoker) AS
  SELECT o.id, o.total, c.name AS customer FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id
  WHERE o.status <> 'sent';
CREATE VIEW shop.v_nested WITH (security_invoker) AS SELECT id, customer FROM shop.v_orders;
CREATE VIEW shop.v_secret AS SELECT id, util.secret(customer_id) AS code FROM shop.orders;
CREATE VIEW shop.v_own WITH (security_invoker) AS SELECT id, name FROM shop.customers WHERE country = 'HU';
CREATE VIEW shop.v_over_own AS SELECT id, name FROM shop.v_own;
CREATE VIEW shop.v_own_over WITH (security_invoker) AS SELECT id, name FROM shop.v_simple;
CREATE VIEW shop.v_checked AS SELECT id, v FROM shop.checked;
CREATE VIEW shop.v_own_checked WITH (security_invoker) AS SELECT id, v FROM shop.checked;
CREATE MATERIALIZED VIEW shop.by_country AS SELECT country, count(*) AS n FROM shop.customers GROUP BY 1;

CREATE FUNCTION util.double(x int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT x * 2 $$;
CREATE FUNCTION util.total_of(cid int) RETURNS numeric LANGUAGE sql STABLE
  AS $$ SELECT sum(total) FROM shop.orders WHERE customer_id = cid $$;
CREATE FUNCTION util.total_definer(cid int) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER
  AS $$ SELECT sum(total) FROM shop.orders WHERE customer_id = cid $$;
CREATE FUNCTION util.orders_of(c int, OUT oid bigint, OUT amount numeric) RETURNS SETOF record LANGUAGE sql STABLE
  AS $$ SELECT id, total FROM shop.orders WHERE customer_id = c $$;
CREATE FUNCTION util.tab(n int) RETURNS TABLE (a int, b text) LANGUAGE sql
  AS $$ SELECT g, g::text FROM generate_series(1, n) g $$;
CREATE FUNCTION util.emps() RETURNS SETOF hr.employees LANGUAGE sql STABLE AS $$ SELECT * FROM hr.employees $$;
CREATE FUNCTION util.atomic(d text) RETURNS bigint LANGUAGE sql
  BEGIN ATOMIC SELECT count(*) FROM hr.employees WHERE dept = d; END;
CREATE FUNCTION hr.display_name(hr.employees) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1.name || '!' $$;
CREATE FUNCTION util.overloaded(int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'int' $$;
CREATE FUNCTION util.overloaded(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT max(name) FROM shop.customers $$;
CREATE FUNCTION util.variadic_sum(VARIADIC ints int[]) RETURNS bigint LANGUAGE sql IMMUTABLE
  AS $$ SELECT sum(x) FROM unnest(ints) x $$;
CREATE FUNCTION util.counted(d text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  n int := 0;
  found_one hr.employees%ROWTYPE;
  one record;
BEGIN
  SELECT count(*) INTO n FROM hr.employees e WHERE e.dept = d;
  FOR one IN SELECT id FROM hr.person LOOP
    n := n + one.id;
  END LOOP;
  IF n > 3 THEN
    RETURN (SELECT max(head) FROM hr.depts);
  END IF;
  RETURN n;
END $$;
CREATE FUNCTION util.dynamic(t text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I', t) INTO n;
  RETURN n;
END $$;
CREATE PROCEDURE util.pay(o bigint) LANGUAGE sql AS $$ UPDATE shop.orders SET status = 'paid' WHERE id = o $$;
CREATE FUNCTION util.same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 = $2 $$;
CREATE OPERATOR util.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = util.same);
CREATE FUNCTION util.on_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO shop.audit_log (what, row_id) VALUES (TG_OP, NEW.id);
  RETURN NEW;
END $$;
CREATE FUNCTION util.on_audit_definer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO shop.audit_log (what) VALUES ('deleted');
  RETURN OLD;
END $$;
REVOKE EXECUTE ON FUNCTION util.on_audit() FROM PUBLIC;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OF v ON shop.audited
  FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION util.on_audit();
CREATE TRIGGER audit_delete BEFORE DELETE ON shop.audited FOR EACH ROW EXECUTE FUNCTION util.on_audit_definer();
CREATE FUNCTION util.on_view() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE shop.orders SET total = NEW.total WHERE id = OLD.id;
  RETURN NEW;
END $$;
CREATE TRIGGER instead INSTEAD OF UPDATE ON shop.v_orders FOR EACH ROW EXECUTE FUNCTION util.on_view();
CREATE FUNCTION util.on_chain_a() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id < 3 THEN
    INSERT INTO shop.chain_b (id) VALUES (NEW.id + 1);
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION util.on_chain_b() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO shop.chain_a (id) SELECT NEW.id + count(*) FROM hr.depts;
  RETURN NEW;
END $$;
CREATE TRIGGER chain AFTER INSERT ON shop.chain_a FOR EACH ROW EXECUTE FUNCTION util.on_chain_a();
CREATE TRIGGER chain AFTER INSERT ON shop.chain_b FOR EACH ROW EXECUTE FUNCTION util.on_chain_b();

INSERT INTO shop.customers (name, email) SELECT 'c' || g, 'c' || g || '@x' FROM generate_series(1, 5) g;
INSERT INTO shop.orders (customer_id, total) SELECT g, g * 10 FROM generate_series(1, 5) g;
INSERT INTO shop.products (sku, name, price) SELECT 's' || g, 'p' || g, g FROM generate_series(1, 3) g;
INSERT INTO shop.checked VALUES (1, 1, 1, 'a@b');
INSERT INTO hr.employees SELECT g, 'e' || g, 1, 'd' || g % 2, g * 100, true FROM generate_series(1, 5) g;
INSERT INTO hr.depts VALUES ('d1', 'one', 1);
INSERT INTO hr.person VALUES (1, 'p');
INSERT INTO shop.audited VALUES (1, 1);
INSERT INTO shop.indexed VALUES (1, 1);
INSERT INTO shop.private SELECT g, g, 'x' FROM generate_series(1, 3) g;

CREATE TABLE shop.stock (id integer PRIMARY KEY, units integer);
CREATE TABLE shop.moves (id integer, units integer);
CREATE TABLE shop.gone (id integer, units integer);
CREATE TABLE shop.stock_log (changes bigint);
CREATE FUNCTION util.on_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (TG_OP = 'DELETE') THEN
    INSERT INTO shop.gone SELECT OLD.*;
    RETURN OLD;
  ELSIF TG_OP = 'UPDATE' AND NEW.units <> OLD.units THEN
    INSERT INTO shop.moves VALUES (NEW.*);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER each AFTER INSERT OR UPDATE OR DELETE ON shop.stock FOR EACH ROW EXECUTE FUNCTION util.on_stock();
CREATE FUNCTION util.on_stocks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO shop.stock_log SELECT count(*) FROM added a WHERE a.units > 0;
  RETURN NULL;
END $$;
CREATE TRIGGER every AFTER INSERT ON shop.stock REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION util.on_stocks();
INSERT INTO shop.stock VALUES (1, 1);

CREATE TABLE shop.sealed (id integer, v text);
ALTER TABLE shop.sealed ENABLE ROW LEVEL SECURITY;
CREATE POLICY never ON shop.sealed AS RESTRICTIVE USING (id IN (SELECT id FROM hr.person));

SELECT lo_create(4711), lo_create(4712);

CREATE TABLE shop.notes (id serial, about integer, note text);
CREATE TABLE shop.notes_log (id serial, note text);
CREATE RULE copied AS ON INSERT TO shop.notes DO ALSO INSERT INTO shop.notes_log (note) VALUES (NEW.note);
CREATE RULE kept AS ON DELETE TO shop.notes WHERE OLD.about > 0 DO INSTEAD
  UPDATE shop.notes_log SET note = 'gone' WHERE id = OLD.id;
CREATE VIEW shop.v_notes AS SELECT n.id, n.note, p.name FROM shop.notes n JOIN hr.person p ON p.id = n.about;
CREATE RULE changed AS ON UPDATE TO shop.v_notes DO INSTEAD UPDATE shop.notes SET note = NEW.note WHERE id = OLD.id;
INSERT INTO shop.notes (about, note) VALUES (1, 'n');

CREATE FUNCTION util.executed(who integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
  EXECUTE 'SELECT name FROM hr.person WHERE name <> ''x'' AND id = $1' INTO found USING who;
  RETURN NEXT found;
  RETURN QUERY EXECUTE 'SELECT note FROM shop.notes';
  FOR found IN EXECUTE 'SELECT v FROM shop.sealed' LOOP
    RETURN NEXT found;
  END LOOP;
END $$;

-- Operators of one's own under the names of PostgreSQL's, which not everybody may use.
CREATE TYPE util.coin AS (pence int);
CREATE DOMAIN util.small_coin AS util.coin;
CREATE FUNCTION util.coin_plus(util.coin, util.coin) RETURNS util.coin LANGUAGE sql IMMUTABLE
  AS $$ SELECT ROW(($1).pence + ($2).pence)::util.coin $$;
CREATE FUNCTION util.coin_is(util.coin, util.coin) RETURNS boolean LANGUAGE sql IMMUTABLE
  AS $$ SELECT ($1).pence = ($2).pence $$;
CREATE FUNCTION util.coin_below(util.coin, util.coin) RETURNS boolean LANGUAGE sql IMMUTABLE
  AS $$ SELECT ($1).pence < ($2).pence $$;
CREATE FUNCTION util.coin_text(util.coin, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT ($1).pence || $2 $$;
CREATE FUNCTION util.coin_minus(util.coin) RETURNS util.coin LANGUAGE sql IMMUTABLE
  AS $$ SELECT ROW(- ($1).pence)::util.coin $$;
REVOKE EXECUTE ON FUNCTION util.coin_plus, util.coin_is, util.coin_below, util.coin_text, util.coin_minus FROM PUBLIC;
CREATE OPERATOR public.+ (LEFTARG = util.coin, RIGHTARG = util.coin, FUNCTION = util.coin_plus);
CREATE OPERATOR public.= (LEFTARG = util.coin, RIGHTARG = util.coin, FUNCTION = util.coin_is);
CREATE OPERATOR public.< (LEFTARG = util.coin, RIGHTARG = util.coin, FUNCTION = util.coin_below);
CREATE OPERATOR public.|| (LEFTARG = util.coin, RIGHTARG = text, FUNCTION = util.coin_text);
CREATE OPERATOR public.- (RIGHTARG = util.coin, FUNCTION = util.coin_minus);
CREATE TABLE shop.purses (id int, held util.coin, lent util.small_coin, spare util.coin[]);
CREATE FUNCTION util.purse_of(p shop.purses, extra int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_one shop.purses.id%TYPE := 1;
  sum int := (p.held).pence + extra;
BEGIN
  FOR i IN 1 .. 3 LOOP
    sum := sum + found_one;
  END LOOP;
  RETURN sum - found_one;
END $$;
CREATE FUNCTION util.both_of(n int, OUT a int, OUT b text) LANGUAGE sql IMMUTABLE AS $$ SELECT n, 'x' || n $$;
CREATE FUNCTION util.coined(util.coin) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT ($1).pence $$;
CREATE FUNCTION util.coined(int) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT max(total)::int FROM shop.orders $$;
CREATE FUNCTION util.averaged(float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT avg(x) FROM unnest($1) x $$;
REVOKE EXECUTE ON FUNCTION util.averaged FROM PUBLIC;
CREATE FUNCTION util.pocketed(shop.purses) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1.id + ($1.held).pence $$;
CREATE FUNCTION util.pocketed(text[]) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(note) FROM shop.orders $$;
CREATE FUNCTION util.spent(INOUT purse shop.purses) LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
INSERT INTO shop.purses VALUES (1, ROW(1), ROW(2), ARRAY[ROW(3)::util.coin]);
