-- The statement of a binary monitor for postgresql.
-- param_1 = '2013-03-10T05:00:00+00:00'
-- param_2 = '2013-03-09T05:00:00+00:00'
-- param_3 = '2013-03-08T05:00:00+00:00'
-- param_4 = '2013-03-11T04:00:00+00:00'
-- timezone_1 = 'America/New_York'
-- param_5 = '2013-03-13T04:00:00+00:00'
-- param_6 = '2013-03-10T05:00:00+00:00'
-- param_7 = '2013-03-09T05:00:00+00:00'
-- param_8 = '2013-03-08T05:00:00+00:00'
-- param_9 = '2013-03-12T04:00:00+00:00'
-- param_10 = '2013-03-11T04:00:00+00:00'
-- param_11 = '2013-03-16T04:00:00+00:00'
-- param_12 = '2013-03-15T04:00:00+00:00'
-- param_13 = '2013-03-14T04:00:00+00:00'
-- param_14 = '2013-03-18T04:00:00+00:00'
-- param_15 = '2013-03-17T04:00:00+00:00'
-- carrier_1 = 'UA'
-- predicted_at_1 = '2013-03-09T05:00:00+00:00'
-- predicted_at_2 = '2013-03-11T04:00:00+00:00'
-- param_16 = '2013-03-13T04:00:00+00:00'
-- param_17 = '2013-03-10T05:00:00+00:00'
-- param_18 = '2013-03-09T05:00:00+00:00'
-- param_19 = '2013-03-08T05:00:00+00:00'
-- param_20 = '2013-03-12T04:00:00+00:00'
-- param_21 = '2013-03-11T04:00:00+00:00'
-- param_22 = '2013-03-16T04:00:00+00:00'
-- param_23 = '2013-03-15T04:00:00+00:00'
-- param_24 = '2013-03-14T04:00:00+00:00'
-- param_25 = '2013-03-18T04:00:00+00:00'
-- param_26 = '2013-03-17T04:00:00+00:00'
-- label_at_1 = '2013-03-08T05:00:00+00:00'
-- label_at_2 = '2013-03-18T04:00:00+00:00'
-- param_27 = '2013-03-08T05:00:00+00:00'
-- param_28 = '2013-03-18T04:00:00+00:00'
WITH placed AS (SELECT
CASE
WHEN (predictions.predicted_at < %(param_1)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (predictions.predicted_at < %(param_2)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (predictions.predicted_at < %(param_3)s::TIMESTAMP WITH TIME ZONE) THEN CAST(NULL AS INTEGER)
ELSE CAST(NULL AS INTEGER) END
ELSE 1 END
ELSE
CASE
WHEN (predictions.predicted_at < %(param_4)s::TIMESTAMP WITH TIME ZONE) THEN 2
ELSE CAST(NULL AS INTEGER) END END AS position,
predictions.request_id AS id,
coalesce(CAST(predictions.version AS TEXT), '(none)') AS version,
predictions.predicted_at AS time,
coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) AS logged,
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_5)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_6)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_7)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_8)s::TIMESTAMP WITH TIME ZONE) THEN -1
ELSE 0 END
ELSE 1 END
ELSE
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_9)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_10)s::TIMESTAMP WITH TIME ZONE) THEN 2
ELSE 3 END
ELSE 4 END END
ELSE
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_11)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_12)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_13)s::TIMESTAMP WITH TIME ZONE) THEN 5
ELSE 6 END
ELSE 7 END
ELSE
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_14)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (coalesce(timezone(%(timezone_1)s::VARCHAR, predictions.logged_at), predictions.predicted_at) < %(param_15)s::TIMESTAMP WITH TIME ZONE) THEN 8
ELSE 9 END
ELSE 10 END END END AS logged_day,
coalesce(CAST(predictions.origin AS TEXT), '(null)') AS segment_0,
coalesce(CAST(predictions.carrier AS TEXT), '(null)') AS segment_1,
CASE
WHEN (CAST(predictions.score AS DOUBLE PRECISION) >= 0.0000000000000000e+00 AND CAST(predictions.score AS DOUBLE PRECISION) <= 1.0000000000000000e+00) THEN
CASE
WHEN (CAST(predictions.score AS DOUBLE PRECISION) > -1.0000000000000000e-100 AND CAST(predictions.score AS DOUBLE PRECISION) < 1.0000000000000000e-100) THEN 0.0000000000000000e+00
ELSE CAST(predictions.score AS DOUBLE PRECISION) END
ELSE NULL END AS score,
CASE
WHEN (CASE
WHEN (CAST(predictions.score AS DOUBLE PRECISION) >= 0.0000000000000000e+00 AND CAST(predictions.score AS DOUBLE PRECISION) <= 1.0000000000000000e+00) THEN
CASE
WHEN (CAST(predictions.score AS DOUBLE PRECISION) > -1.0000000000000000e-100 AND CAST(predictions.score AS DOUBLE PRECISION) < 1.0000000000000000e-100) THEN 0.0000000000000000e+00
ELSE CAST(predictions.score AS DOUBLE PRECISION) END
ELSE NULL END >= 5.0000000000000000e-01) THEN 1
ELSE 0 END AS predicted
FROM serving.predictions AS predictions
WHERE predictions.carrier = %(carrier_1)s::VARCHAR AND predictions.predicted_at >= %(predicted_at_1)s::TIMESTAMP WITH TIME ZONE AND predictions.predicted_at < %(predicted_at_2)s::TIMESTAMP WITH TIME ZONE LIMIT ALL OFFSET 0),
said AS (SELECT ranked.position AS position,
ranked.id AS id,
ranked.version AS version,
ranked.time AS time,
ranked.segment_0 AS segment_0,
ranked.segment_1 AS segment_1,
ranked.score AS score,
ranked.predicted AS predicted,
CASE
WHEN (ranked.logged_day - ranked.position <= 0) THEN 0
WHEN (ranked.logged_day - ranked.position <= 1) THEN 1
WHEN (ranked.logged_day - ranked.position <= 7) THEN 2
ELSE 3 END AS known,
CASE
WHEN (ranked.reason = 0 AND ranked.rank > 1) THEN 4
ELSE ranked.reason END AS reason
FROM (SELECT placed.position AS position,
placed.id AS id,
placed.version AS version,
placed.time AS time,
placed.logged AS logged,
placed.logged_day AS logged_day,
placed.segment_0 AS segment_0,
placed.segment_1 AS segment_1,
placed.score AS score,
placed.predicted AS predicted,
CASE
WHEN (placed.id IS NULL) THEN 1
WHEN (placed.score IS NULL) THEN 2
WHEN (placed.predicted IS NULL) THEN 3
ELSE 0 END AS reason,
row_number()
OVER (PARTITION BY placed.position,
placed.id,
placed.version,
CASE
WHEN (placed.id IS NULL) THEN 1
WHEN (placed.score IS NULL) THEN 2
WHEN (placed.predicted IS NULL) THEN 3
ELSE 0 END ORDER BY placed.logged,
placed.time,
(placed.segment_0 COLLATE "C") NULLS LAST,
(placed.segment_1 COLLATE "C") NULLS LAST,
placed.score NULLS LAST,
placed.predicted NULLS LAST) AS rank
FROM placed) AS ranked),
learnt AS (SELECT usable.id AS id,
usable.actual AS actual,
usable.time AS time,
usable.day AS day,
lead(usable.day)
OVER (PARTITION BY usable.id ORDER BY usable.time,
usable.actual) AS next_day,
lag(usable.day)
OVER (PARTITION BY usable.id ORDER BY usable.time,
usable.actual) AS previous_day,
lag(usable.actual)
OVER (PARTITION BY usable.id ORDER BY usable.time,
usable.actual) AS previous
FROM (SELECT raw.id AS id,
raw.actual AS actual,
raw.time AS time,
CASE
WHEN (raw.time < %(param_16)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (raw.time < %(param_17)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (raw.time < %(param_18)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (raw.time < %(param_19)s::TIMESTAMP WITH TIME ZONE) THEN -1
ELSE 0 END
ELSE 1 END
ELSE
CASE
WHEN (raw.time < %(param_20)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (raw.time < %(param_21)s::TIMESTAMP WITH TIME ZONE) THEN 2
ELSE 3 END
ELSE 4 END END
ELSE
CASE
WHEN (raw.time < %(param_22)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (raw.time < %(param_23)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (raw.time < %(param_24)s::TIMESTAMP WITH TIME ZONE) THEN 5
ELSE 6 END
ELSE 7 END
ELSE
CASE
WHEN (raw.time < %(param_25)s::TIMESTAMP WITH TIME ZONE) THEN
CASE
WHEN (raw.time < %(param_26)s::TIMESTAMP WITH TIME ZONE) THEN 8
ELSE 9 END
ELSE 10 END END END AS day
FROM (SELECT labels.request_id AS id,
CASE
WHEN labels.actual THEN 1
WHEN (NOT labels.actual) THEN 0
ELSE NULL END AS actual,
labels.label_at AS time
FROM serving.labels AS labels
WHERE labels.label_at >= %(label_at_1)s::TIMESTAMP WITH TIME ZONE AND labels.label_at < %(label_at_2)s::TIMESTAMP WITH TIME ZONE) AS raw
WHERE raw.id IS NOT NULL AND raw.actual IS NOT NULL AND raw.time >= %(param_27)s::TIMESTAMP WITH TIME ZONE AND raw.time < %(param_28)s::TIMESTAMP WITH TIME ZONE LIMIT ALL OFFSET 0) AS usable),
joined AS (SELECT said.position AS position,
said.version AS version,
said.segment_0 AS segment_0,
said.segment_1 AS segment_1,
said.score AS score,
said.predicted AS predicted,
said.known AS known,
said.reason AS reason,
CASE
WHEN (learnt.id IS NOT NULL) THEN learnt.actual END AS actual,
CASE
WHEN (learnt.id IS NULL) THEN NULL
WHEN (learnt.day - said.position <= 0) THEN 0
WHEN (learnt.day - said.position <= 1) THEN 1
WHEN (learnt.day - said.position <= 7) THEN 2
ELSE 3 END AS learnt,
CASE
WHEN (learnt.next_day - said.position IS NULL) THEN NULL
WHEN (learnt.next_day - said.position <= 0) THEN 0
WHEN (learnt.next_day - said.position <= 1) THEN 1
WHEN (learnt.next_day - said.position <= 7) THEN 2
ELSE 3 END AS superseded,
CASE
WHEN (learnt.previous_day >= said.position - 1) THEN 0
ELSE 1 END AS first,
CASE
WHEN (learnt.id IS NOT NULL) THEN
CASE
WHEN (learnt.time < said.time) THEN 1
ELSE 0 END +
CASE
WHEN (learnt.previous_day >= said.position - 1 AND learnt.previous != learnt.actual) THEN 2
ELSE 0 END
ELSE 0 END AS remark,
CASE
WHEN (learnt.id IS NOT NULL AND
CASE
WHEN (learnt.previous_day >= said.position - 1) THEN 0
ELSE 1 END = 1 AND learnt.day - said.position <= 7) THEN
CASE
WHEN (learnt.day - said.position > 0) THEN learnt.day - said.position
ELSE 0 END END AS age
FROM said
LEFT OUTER JOIN learnt ON said.id = learnt.id AND learnt.day >= said.position - 1 AND said.reason = 0) SELECT lines.version,
coalesce(lines.key, -1 - lines.delay) AS key,
lines.segment_0,
lines.segment_1,
CAST(sum(lines.count) AS BIGINT) AS count,
CAST(coalesce(sum(lines.sum_0), 0) AS BIGINT) AS sum_0,
CAST(coalesce(sum(lines.sum_1), 0) AS BIGINT) AS sum_1,
CAST(coalesce(sum(lines.sum_2), 0) AS BIGINT) AS sum_2
FROM (SELECT joined.version AS version,
joined.segment_0 AS segment_0,
joined.segment_1 AS segment_1,
(((((((CAST(joined.position AS BIGINT) * 9 + joined.reason) * 396 + coalesce(joined.predicted * 198 +
CASE
WHEN (joined.score < 1.0000000000000000e-02) THEN bin of joined.score
WHEN (1.0000000000000000e+00 - joined.score < 1.0000000000000000e-02) THEN bin of 1.0000000000000000e+00 - joined.score
ELSE
CASE
WHEN (CAST(floor(joined.score * 1.0000000000000000e+02) AS INTEGER) + 49 < 50) THEN 50
WHEN (CAST(floor(joined.score * 1.0000000000000000e+02) AS INTEGER) + 49 > 147) THEN 147
ELSE CAST(floor(joined.score * 1.0000000000000000e+02) AS INTEGER) + 49 END END, 0)) * 3 + coalesce(joined.actual + 1, 0)) * 4 + joined.known) * 5 + coalesce(joined.learnt + 1, 0)) * 5 + coalesce(joined.superseded + 1, 0)) * 2 + joined.first) * 4 + joined.remark AS key,
(CAST(joined.position AS BIGINT) * 9 + coalesce(joined.age + 1, 0)) * 4 + joined.known AS delay,
1 AS count,
CAST(floor(joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01) AS BIGINT) AS sum_0,
CAST(floor(joined.score * joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01) AS BIGINT) AS sum_1,
CASE
WHEN (joined.actual + 1 IS NOT NULL) THEN CAST(floor((-ln(CASE
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END < 1.0000000000000001e-15) THEN 1.0000000000000001e-15
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END > 9.9999999999999900e-01) THEN 9.9999999999999900e-01
ELSE
CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END END)) * 1.0000000000000000e+09 + 5.0000000000000000e-01) AS BIGINT) END AS sum_2
FROM joined) AS lines
GROUP BY GROUPING SETS((lines.version, lines.key, lines.segment_0), (lines.version, lines.key, lines.segment_1), (lines.delay))
