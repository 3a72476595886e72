-- SPDX-License-Identifier: Apache-2.0
-- A shop's database: made, filled, asked, changed and thinned out.  No random():
-- the same load each time.
PRAGMA synchronous = off;
PRAGMA cache_size = -16000;
PRAGMA temp_store = memory;

CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT, note TEXT);
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer,
	item INTEGER REFERENCES item, day TEXT, n INTEGER, remark TEXT);
CREATE INDEX customer_city ON customer(city);
CREATE INDEX orders_customer ON orders(customer, day);
CREATE INDEX orders_item ON orders(item);
CREATE TABLE day_total(day TEXT PRIMARY KEY, n INTEGER, value REAL);
CREATE TRIGGER counted AFTER INSERT ON orders BEGIN
	INSERT INTO day_total VALUES(new.day, new.n, 0)
		ON CONFLICT(day) DO UPDATE SET n = n + new.n;
END;

BEGIN;
WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 5000)
INSERT INTO customer SELECT i, 'name ' || hex(i * 2654435761 % 1000003),
	'city ' || (i * 7919 % 211), printf('%.*c', i % 200, 'x') FROM k;
WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 1000)
INSERT INTO item SELECT i, printf('item %05d', i), (i * 31 % 997) / 10.0 FROM k;
WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 100000)
INSERT INTO orders SELECT i, 1 + i * 7919 % 5000, 1 + i * 104729 % 1000,
	date('2020-01-01', '+' || (i / 100) || ' days'), 1 + i % 9,
	CASE WHEN i % 5 THEN NULL ELSE printf('remark %d %.*c', i, i % 90, 'y') END
	FROM k;
COMMIT;

SELECT city, count(*), sum(n * price), group_concat(DISTINCT item.name)
	FROM orders JOIN customer ON customer.id = orders.customer
	JOIN item ON item.id = orders.item GROUP BY city ORDER BY 3 DESC;
SELECT substr(day, 1, 7) AS month, max(n), avg(price), count(DISTINCT customer)
	FROM orders JOIN item ON item.id = orders.item GROUP BY month;
SELECT c.name, (SELECT count(*) FROM orders o WHERE o.customer = c.id),
	(SELECT max(day) FROM orders o WHERE o.customer = c.id)
	FROM customer c WHERE c.city IN ('city 7', 'city 99', 'city 140');
SELECT * FROM (SELECT customer, day, sum(n) OVER (PARTITION BY customer
	ORDER BY day) AS so_far FROM orders) WHERE so_far > 110 ORDER BY day;

BEGIN;
UPDATE item SET price = price * 1.1 WHERE id % 3 = 0;
UPDATE orders SET remark = upper(coalesce(remark, 'none')) || id
	WHERE id % 4 = 0;
UPDATE day_total SET value = (SELECT sum(o.n * price) FROM orders o
	JOIN item ON item.id = o.item WHERE o.day = day_total.day)
	WHERE day < '2020-03-01';
COMMIT;

CREATE TABLE archive AS SELECT o.*, json_object('name', c.name, 'city', c.city,
	'item', i.name) AS details FROM orders o JOIN customer c ON
	c.id = o.customer JOIN item i ON i.id = o.item WHERE o.day < '2021-01-01';
SELECT json_extract(details, '$.city'), count(*) FROM archive
	WHERE details LIKE '%city 1%' GROUP BY 1;
DELETE FROM orders WHERE day < '2021-01-01';
DELETE FROM customer WHERE NOT EXISTS
	(SELECT 1 FROM orders WHERE orders.customer = customer.id);
VACUUM;
PRAGMA integrity_check;
