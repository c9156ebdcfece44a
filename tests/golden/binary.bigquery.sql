-- The statement of a binary monitor for bigquery.
-- timestamp_1 = 'America/New_York'
-- carrier_1 = 'UA'
WITH `placed` AS (SELECT
CASE
WHEN (`predictions`.`predicted_at` < TIMESTAMP '2013-03-10 05:00:00.000000+00:00') THEN
CASE
WHEN (`predictions`.`predicted_at` < TIMESTAMP '2013-03-09 05:00:00.000000+00:00') THEN
CASE
WHEN (`predictions`.`predicted_at` < TIMESTAMP '2013-03-08 05:00:00.000000+00:00') THEN CAST(NULL AS INT64)
ELSE CAST(NULL AS INT64) END
ELSE 1 END
ELSE
CASE
WHEN (`predictions`.`predicted_at` < TIMESTAMP '2013-03-11 04:00:00.000000+00:00') THEN 2
ELSE CAST(NULL AS INT64) END END AS `position`,
`predictions`.`request_id` AS `id`,
coalesce(CAST(`predictions`.`version` AS STRING), '(none)') AS `version`,
`predictions`.`predicted_at` AS `time`,
coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) AS `logged`,
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-13 04:00:00.000000+00:00') THEN
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-10 05:00:00.000000+00:00') THEN
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-09 05:00:00.000000+00:00') THEN
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-08 05:00:00.000000+00:00') THEN -1
ELSE 0 END
ELSE 1 END
ELSE
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-12 04:00:00.000000+00:00') THEN
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-11 04:00:00.000000+00:00') THEN 2
ELSE 3 END
ELSE 4 END END
ELSE
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-16 04:00:00.000000+00:00') THEN
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-15 04:00:00.000000+00:00') THEN
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-14 04:00:00.000000+00:00') THEN 5
ELSE 6 END
ELSE 7 END
ELSE
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-18 04:00:00.000000+00:00') THEN
CASE
WHEN (coalesce(timestamp(`predictions`.`logged_at`, %(timestamp_1:STRING)s), `predictions`.`predicted_at`) < TIMESTAMP '2013-03-17 04:00:00.000000+00:00') THEN 8
ELSE 9 END
ELSE 10 END END END AS `logged_day`,
coalesce(CAST(`predictions`.`origin` AS STRING), '(null)') AS `segment_0`,
coalesce(CAST(`predictions`.`carrier` AS STRING), '(null)') AS `segment_1`,
CASE
WHEN (CAST(`predictions`.`score` AS FLOAT64) >= 0.0000000000000000e+00 AND CAST(`predictions`.`score` AS FLOAT64) <= 1.0000000000000000e+00) THEN
CASE
WHEN (CAST(`predictions`.`score` AS FLOAT64) > -1.0000000000000000e-100 AND CAST(`predictions`.`score` AS FLOAT64) < 1.0000000000000000e-100) THEN 0.0000000000000000e+00
ELSE CAST(`predictions`.`score` AS FLOAT64) END
ELSE NULL END AS `score`,
CASE
WHEN (CASE
WHEN (CAST(`predictions`.`score` AS FLOAT64) >= 0.0000000000000000e+00 AND CAST(`predictions`.`score` AS FLOAT64) <= 1.0000000000000000e+00) THEN
CASE
WHEN (CAST(`predictions`.`score` AS FLOAT64) > -1.0000000000000000e-100 AND CAST(`predictions`.`score` AS FLOAT64) < 1.0000000000000000e-100) THEN 0.0000000000000000e+00
ELSE CAST(`predictions`.`score` AS FLOAT64) END
ELSE NULL END >= 5.0000000000000000e-01) THEN 1
ELSE 0 END AS `predicted`
FROM `serving`.`predictions` AS `predictions`
WHERE `predictions`.`carrier` = %(carrier_1:STRING)s AND `predictions`.`predicted_at` >= TIMESTAMP '2013-03-09 05:00:00.000000+00:00' AND `predictions`.`predicted_at` < TIMESTAMP '2013-03-11 04:00:00.000000+00:00'),
`said` AS (SELECT `ranked`.`position` AS `position`,
`ranked`.`id` AS `id`,
`ranked`.`version` AS `version`,
`ranked`.`time` AS `time`,
`ranked`.`segment_0` AS `segment_0`,
`ranked`.`segment_1` AS `segment_1`,
`ranked`.`score` AS `score`,
`ranked`.`predicted` AS `predicted`,
CASE
WHEN (`ranked`.`logged_day` - `ranked`.`position` <= 0) THEN 0
WHEN (`ranked`.`logged_day` - `ranked`.`position` <= 1) THEN 1
WHEN (`ranked`.`logged_day` - `ranked`.`position` <= 7) THEN 2
ELSE 3 END AS `known`,
CASE
WHEN (`ranked`.`reason` = 0 AND `ranked`.`rank` > 1) THEN 4
ELSE `ranked`.`reason` END AS `reason`
FROM (SELECT `placed`.`position` AS `position`,
`placed`.`id` AS `id`,
`placed`.`version` AS `version`,
`placed`.`time` AS `time`,
`placed`.`logged` AS `logged`,
`placed`.`logged_day` AS `logged_day`,
`placed`.`segment_0` AS `segment_0`,
`placed`.`segment_1` AS `segment_1`,
`placed`.`score` AS `score`,
`placed`.`predicted` AS `predicted`,
CASE
WHEN (`placed`.`id` IS NULL) THEN 1
WHEN (`placed`.`score` IS NULL) THEN 2
WHEN (`placed`.`predicted` IS NULL) THEN 3
ELSE 0 END AS `reason`,
row_number()
OVER (PARTITION BY `placed`.`position`,
`placed`.`id`,
`placed`.`version`,
CASE
WHEN (`placed`.`id` IS NULL) THEN 1
WHEN (`placed`.`score` IS NULL) THEN 2
WHEN (`placed`.`predicted` IS NULL) THEN 3
ELSE 0 END ORDER BY `placed`.`logged`,
`placed`.`time`,
`placed`.`segment_0` NULLS LAST,
`placed`.`segment_1` NULLS LAST,
`placed`.`score` NULLS LAST,
`placed`.`predicted` NULLS LAST) AS `rank`
FROM `placed`) AS `ranked`),
`learnt` AS (SELECT `usable`.`id` AS `id`,
`usable`.`actual` AS `actual`,
`usable`.`time` AS `time`,
`usable`.`day` AS `day`,
lead(`usable`.`day`)
OVER (PARTITION BY `usable`.`id` ORDER BY `usable`.`time`,
`usable`.`actual`) AS `next_day`,
lag(`usable`.`day`)
OVER (PARTITION BY `usable`.`id` ORDER BY `usable`.`time`,
`usable`.`actual`) AS `previous_day`,
lag(`usable`.`actual`)
OVER (PARTITION BY `usable`.`id` ORDER BY `usable`.`time`,
`usable`.`actual`) AS `previous`
FROM (SELECT `raw`.`id` AS `id`,
`raw`.`actual` AS `actual`,
`raw`.`time` AS `time`,
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-13 04:00:00.000000+00:00') THEN
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-10 05:00:00.000000+00:00') THEN
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-09 05:00:00.000000+00:00') THEN
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-08 05:00:00.000000+00:00') THEN -1
ELSE 0 END
ELSE 1 END
ELSE
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-12 04:00:00.000000+00:00') THEN
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-11 04:00:00.000000+00:00') THEN 2
ELSE 3 END
ELSE 4 END END
ELSE
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-16 04:00:00.000000+00:00') THEN
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-15 04:00:00.000000+00:00') THEN
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-14 04:00:00.000000+00:00') THEN 5
ELSE 6 END
ELSE 7 END
ELSE
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-18 04:00:00.000000+00:00') THEN
CASE
WHEN (`raw`.`time` < TIMESTAMP '2013-03-17 04:00:00.000000+00:00') THEN 8
ELSE 9 END
ELSE 10 END END END AS `day`
FROM (SELECT `labels`.`request_id` AS `id`,
CASE
WHEN `labels`.`actual` THEN 1
WHEN (NOT `labels`.`actual`) THEN 0
ELSE NULL END AS `actual`,
`labels`.`label_at` AS `time`
FROM `serving`.`labels` AS `labels`
WHERE `labels`.`label_at` >= TIMESTAMP '2013-03-08 05:00:00.000000+00:00' AND `labels`.`label_at` < TIMESTAMP '2013-03-18 04:00:00.000000+00:00') AS `raw`
WHERE `raw`.`id` IS NOT NULL AND `raw`.`actual` IS NOT NULL AND `raw`.`time` >= TIMESTAMP '2013-03-08 05:00:00.000000+00:00' AND `raw`.`time` < TIMESTAMP '2013-03-18 04:00:00.000000+00:00') AS `usable`),
`joined` AS (SELECT `said`.`position` AS `position`,
`said`.`version` AS `version`,
`said`.`segment_0` AS `segment_0`,
`said`.`segment_1` AS `segment_1`,
`said`.`score` AS `score`,
`said`.`predicted` AS `predicted`,
`said`.`known` AS `known`,
`said`.`reason` AS `reason`,
CASE
WHEN (`learnt`.`id` IS NOT NULL) THEN `learnt`.`actual` END AS `actual`,
CASE
WHEN (`learnt`.`id` IS NULL) THEN NULL
WHEN (`learnt`.`day` - `said`.`position` <= 0) THEN 0
WHEN (`learnt`.`day` - `said`.`position` <= 1) THEN 1
WHEN (`learnt`.`day` - `said`.`position` <= 7) THEN 2
ELSE 3 END AS `learnt`,
CASE
WHEN (`learnt`.`next_day` - `said`.`position` IS NULL) THEN NULL
WHEN (`learnt`.`next_day` - `said`.`position` <= 0) THEN 0
WHEN (`learnt`.`next_day` - `said`.`position` <= 1) THEN 1
WHEN (`learnt`.`next_day` - `said`.`position` <= 7) THEN 2
ELSE 3 END AS `superseded`,
CASE
WHEN (`learnt`.`previous_day` >= `said`.`position` - 1) THEN 0
ELSE 1 END AS `first`,
CASE
WHEN (`learnt`.`id` IS NOT NULL) THEN
CASE
WHEN (`learnt`.`time` < `said`.`time`) THEN 1
ELSE 0 END +
CASE
WHEN (`learnt`.`previous_day` >= `said`.`position` - 1 AND `learnt`.`previous` != `learnt`.`actual`) THEN 2
ELSE 0 END
ELSE 0 END AS `remark`,
CASE
WHEN (`learnt`.`id` IS NOT NULL AND
CASE
WHEN (`learnt`.`previous_day` >= `said`.`position` - 1) THEN 0
ELSE 1 END = 1 AND `learnt`.`day` - `said`.`position` <= 7) THEN
CASE
WHEN (`learnt`.`day` - `said`.`position` > 0) THEN `learnt`.`day` - `said`.`position`
ELSE 0 END END AS `age`
FROM `said`
LEFT OUTER JOIN `learnt` ON `said`.`id` = `learnt`.`id` AND `learnt`.`day` >= `said`.`position` - 1 AND `said`.`reason` = 0) SELECT `lines`.`version`,
coalesce(`lines`.`key`, -1 - `lines`.`delay`) AS `key`,
`lines`.`segment_0`,
`lines`.`segment_1`,
CAST(sum(`lines`.`count`) AS INT64) AS `count`,
CAST(coalesce(sum(`lines`.`sum_0`), 0) AS INT64) AS `sum_0`,
CAST(coalesce(sum(`lines`.`sum_1`), 0) AS INT64) AS `sum_1`,
CAST(coalesce(sum(`lines`.`sum_2`), 0) AS INT64) AS `sum_2`
FROM (SELECT `joined`.`version` AS `version`,
`joined`.`segment_0` AS `segment_0`,
`joined`.`segment_1` AS `segment_1`,
(((((((CAST(`joined`.`position` AS INT64) * 9 + `joined`.`reason`) * 396 + coalesce(`joined`.`predicted` * 198 +
CASE
WHEN (`joined`.`score` < 1.0000000000000000e-02) THEN bin of `joined`.`score`
WHEN (1.0000000000000000e+00 - `joined`.`score` < 1.0000000000000000e-02) THEN bin of 1.0000000000000000e+00 - `joined`.`score`
ELSE
CASE
WHEN (CAST(floor(`joined`.`score` * 1.0000000000000000e+02) AS INT64) + 49 < 50) THEN 50
WHEN (CAST(floor(`joined`.`score` * 1.0000000000000000e+02) AS INT64) + 49 > 147) THEN 147
ELSE CAST(floor(`joined`.`score` * 1.0000000000000000e+02) AS INT64) + 49 END END, 0)) * 3 + coalesce(`joined`.`actual` + 1, 0)) * 4 + `joined`.`known`) * 5 + coalesce(`joined`.`learnt` + 1, 0)) * 5 + coalesce(`joined`.`superseded` + 1, 0)) * 2 + `joined`.`first`) * 4 + `joined`.`remark` AS `key`,
(CAST(`joined`.`position` AS INT64) * 9 + coalesce(`joined`.`age` + 1, 0)) * 4 + `joined`.`known` AS `delay`,
1 AS `count`,
CAST(floor(`joined`.`score` * 1.0000000000000000e+09 + 5.0000000000000000e-01) AS INT64) AS `sum_0`,
CAST(floor(`joined`.`score` * `joined`.`score` * 1.0000000000000000e+09 + 5.0000000000000000e-01) AS INT64) AS `sum_1`,
CASE
WHEN (`joined`.`actual` + 1 IS NOT NULL) THEN CAST(floor((-ln(CASE
WHEN (CASE
WHEN (`joined`.`actual` = 1) THEN `joined`.`score`
ELSE 1.0000000000000000e+00 - `joined`.`score` END < 1.0000000000000001e-15) THEN 1.0000000000000001e-15
WHEN (CASE
WHEN (`joined`.`actual` = 1) THEN `joined`.`score`
ELSE 1.0000000000000000e+00 - `joined`.`score` END > 9.9999999999999900e-01) THEN 9.9999999999999900e-01
ELSE
CASE
WHEN (`joined`.`actual` = 1) THEN `joined`.`score`
ELSE 1.0000000000000000e+00 - `joined`.`score` END END)) * 1.0000000000000000e+09 + 5.0000000000000000e-01) AS INT64) END AS `sum_2`
FROM `joined`) AS `lines`
GROUP BY GROUPING SETS((`lines`.`version`, `lines`.`key`, `lines`.`segment_0`), (`lines`.`version`, `lines`.`key`, `lines`.`segment_1`), (`lines`.`delay`))
