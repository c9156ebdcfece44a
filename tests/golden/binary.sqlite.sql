-- The statement of a binary monitor for sqlite.
-- hindsight_instant_1 = 'America/New_York'
-- hindsight_instant_2 = 'America/New_York'
-- param_1 = 0
-- carrier_1 = 'UA'
-- hindsight_instant_3 = 'UTC'
-- param_2 = 0
WITH placed AS (SELECT
CASE
WHEN (predictions.predicted_at < 1362891600000000) THEN
CASE
WHEN (predictions.predicted_at < 1362805200000000) THEN
CASE
WHEN (predictions.predicted_at < 1362718800000000) THEN CAST(NULL AS INTEGER)
ELSE CAST(NULL AS INTEGER) END
ELSE 1 END
ELSE
CASE
WHEN (predictions.predicted_at < 1362974400000000) THEN 2
ELSE CAST(NULL AS INTEGER) END END AS position,
predictions.request_id AS id,
coalesce(CAST(predictions.version AS TEXT), '(none)') AS version,
predictions.predicted_at AS time,
coalesce(predictions.logged_at, predictions.predicted_at) AS logged,
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1363147200000000) THEN
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1362891600000000) THEN
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1362805200000000) THEN
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1362718800000000) THEN -1
ELSE 0 END
ELSE 1 END
ELSE
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1363060800000000) THEN
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1362974400000000) THEN 2
ELSE 3 END
ELSE 4 END END
ELSE
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1363406400000000) THEN
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1363320000000000) THEN
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1363233600000000) THEN 5
ELSE 6 END
ELSE 7 END
ELSE
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1363579200000000) THEN
CASE
WHEN (coalesce(predictions.logged_at, predictions.predicted_at) < 1363492800000000) THEN 8
ELSE 9 END
ELSE 10 END END END AS logged_day,
coalesce(CAST(predictions.origin AS TEXT), '(null)') AS segment_0,
coalesce(CAST(predictions.carrier AS TEXT), '(null)') AS segment_1,
CASE
WHEN (CAST(predictions.score AS DOUBLE) >= 0.0000000000000000e+00 AND CAST(predictions.score AS DOUBLE) <= 1.0000000000000000e+00) THEN
CASE
WHEN (CAST(predictions.score AS DOUBLE) > -1.0000000000000000e-100 AND CAST(predictions.score AS DOUBLE) < 1.0000000000000000e-100) THEN 0.0000000000000000e+00
ELSE CAST(predictions.score AS DOUBLE) END
ELSE NULL END AS score,
CASE
WHEN (CASE
WHEN (CAST(predictions.score AS DOUBLE) >= 0.0000000000000000e+00 AND CAST(predictions.score AS DOUBLE) <= 1.0000000000000000e+00) THEN
CASE
WHEN (CAST(predictions.score AS DOUBLE) > -1.0000000000000000e-100 AND CAST(predictions.score AS DOUBLE) < 1.0000000000000000e-100) THEN 0.0000000000000000e+00
ELSE CAST(predictions.score AS DOUBLE) END
ELSE NULL END >= 5.0000000000000000e-01) THEN 1
ELSE 0 END AS predicted
FROM (SELECT predictions.request_id AS request_id,
hindsight_instant(predictions.predicted_at, ?) AS predicted_at,
hindsight_instant(predictions.logged_at, ?) AS logged_at,
CASE
WHEN (typeof(predictions.score) IN ('integer',
'real')) THEN predictions.score
ELSE NULL END AS score,
predictions.version AS version,
predictions.origin AS origin,
predictions.carrier AS carrier
FROM serving.predictions AS predictions LIMIT -1 OFFSET ?) AS predictions
WHERE predictions.carrier = ? AND predictions.predicted_at >= 1362805200000000 AND predictions.predicted_at < 1362974400000000),
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
placed.segment_0 NULLS LAST,
placed.segment_1 NULLS LAST,
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
WHEN (raw.time < 1363147200000000) THEN
CASE
WHEN (raw.time < 1362891600000000) THEN
CASE
WHEN (raw.time < 1362805200000000) THEN
CASE
WHEN (raw.time < 1362718800000000) THEN -1
ELSE 0 END
ELSE 1 END
ELSE bin of raw.time END
ELSE bin of raw.time END AS day
FROM (SELECT labels.request_id AS id,
CASE
WHEN (labels.actual = 1) THEN 1
WHEN (labels.actual = 0) THEN 0
ELSE NULL END AS actual,
labels.label_at AS time
FROM (SELECT labels.request_id AS request_id,
CASE
WHEN (typeof(labels.actual) IN ('integer',
'real')) THEN labels.actual
ELSE NULL END AS actual,
hindsight_instant(labels.label_at, ?) AS label_at
FROM serving.labels AS labels LIMIT -1 OFFSET ?) AS labels
WHERE labels.label_at >= 1362718800000000 AND labels.label_at < 1363579200000000) AS raw
WHERE raw.id IS NOT NULL AND raw.actual IS NOT NULL AND raw.time >= 1362718800000000 AND raw.time < 1363579200000000) AS usable),
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
LEFT OUTER JOIN learnt ON said.id = learnt.id AND learnt.day >= said.position - 1 AND said.reason = 0) SELECT parts.version,
parts."key",
parts.segment_0,
parts.segment_1,
parts.count,
parts.sum_0,
parts.sum_1,
parts.sum_2
FROM (SELECT lines.version AS version,
lines."key" AS "key",
lines.segment_0 AS segment_0,
NULL AS segment_1,
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
WHEN (CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 < 50) THEN 50
WHEN (CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 > 147) THEN 147
ELSE CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 END END, 0)) * 3 + coalesce(joined.actual + 1, 0)) * 4 + joined.known) * 5 + coalesce(joined.learnt + 1, 0)) * 5 + coalesce(joined.superseded + 1, 0)) * 2 + joined.first) * 4 + joined.remark AS "key",
(CAST(joined.position AS BIGINT) * 9 + coalesce(joined.age + 1, 0)) * 4 + joined.known AS delay,
1 AS count,
CAST(-ceil(-(joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) AS sum_0,
CAST(-ceil(-(joined.score * joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) AS sum_1,
CASE
WHEN (joined.actual + 1 IS NOT NULL) THEN CAST(-ceil(-((-ln(CASE
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END < 1.0000000000000001e-15) THEN 1.0000000000000001e-15
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END > 9.9999999999999900e-01) THEN 9.9999999999999900e-01
ELSE
CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END END)) * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) END AS sum_2
FROM joined) AS lines
GROUP BY lines.version,
lines."key",
lines.segment_0
UNION ALL SELECT lines.version AS version,
lines."key" AS "key",
NULL AS segment_0,
lines.segment_1 AS segment_1,
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
WHEN (CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 < 50) THEN 50
WHEN (CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 > 147) THEN 147
ELSE CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 END END, 0)) * 3 + coalesce(joined.actual + 1, 0)) * 4 + joined.known) * 5 + coalesce(joined.learnt + 1, 0)) * 5 + coalesce(joined.superseded + 1, 0)) * 2 + joined.first) * 4 + joined.remark AS "key",
(CAST(joined.position AS BIGINT) * 9 + coalesce(joined.age + 1, 0)) * 4 + joined.known AS delay,
1 AS count,
CAST(-ceil(-(joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) AS sum_0,
CAST(-ceil(-(joined.score * joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) AS sum_1,
CASE
WHEN (joined.actual + 1 IS NOT NULL) THEN CAST(-ceil(-((-ln(CASE
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END < 1.0000000000000001e-15) THEN 1.0000000000000001e-15
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END > 9.9999999999999900e-01) THEN 9.9999999999999900e-01
ELSE
CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END END)) * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) END AS sum_2
FROM joined) AS lines
GROUP BY lines.version,
lines."key",
lines.segment_1
UNION ALL SELECT NULL AS version,
-1 - lines.delay AS "key",
NULL AS segment_0,
NULL AS segment_1,
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
WHEN (CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 < 50) THEN 50
WHEN (CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 > 147) THEN 147
ELSE CAST(-ceil(-(joined.score * 1.0000000000000000e+02)) AS INTEGER) + 49 END END, 0)) * 3 + coalesce(joined.actual + 1, 0)) * 4 + joined.known) * 5 + coalesce(joined.learnt + 1, 0)) * 5 + coalesce(joined.superseded + 1, 0)) * 2 + joined.first) * 4 + joined.remark AS "key",
(CAST(joined.position AS BIGINT) * 9 + coalesce(joined.age + 1, 0)) * 4 + joined.known AS delay,
1 AS count,
CAST(-ceil(-(joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) AS sum_0,
CAST(-ceil(-(joined.score * joined.score * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) AS sum_1,
CASE
WHEN (joined.actual + 1 IS NOT NULL) THEN CAST(-ceil(-((-ln(CASE
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END < 1.0000000000000001e-15) THEN 1.0000000000000001e-15
WHEN (CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END > 9.9999999999999900e-01) THEN 9.9999999999999900e-01
ELSE
CASE
WHEN (joined.actual = 1) THEN joined.score
ELSE 1.0000000000000000e+00 - joined.score END END)) * 1.0000000000000000e+09 + 5.0000000000000000e-01)) AS BIGINT) END AS sum_2
FROM joined) AS lines
GROUP BY lines.delay) AS parts
