/** A length of time: `500ms`, `10s`, `5m`, `2h`, `1d`, or ISO-8601 without years and months, such as `PT1M30S`. */
export const DURATION =
  /^(?:\d{1,12}(?:ms|s|m|h|d)|P\d{1,6}W|P(?=\d|T\d)(?:\d{1,6}D)?(?:T(?=\d)(?:\d{1,6}H)?(?:\d{1,8}M)?(?:\d{1,10}(?:\.\d{1,3})?S)?)?)$/;

/** What a refused duration is answered with. */
export const DURATION_MESSAGE = '$property must be a duration such as 10s, 5m, 2h, 1d or PT1M30S';
