const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const FORM = /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;

/**
 * `Mon, 21 Jan 2019 09:00:43 GMT` (the `Date` header, RFC 9110 §5.6.7), or the same without the day of the week, as
 * milliseconds since the epoch; undefined for anything else, 30 February included.
 */
export function parseGmtDate(text: string): number | undefined {
  const [, day, monthName = '', year, hour, minute, second] = FORM.exec(text) ?? [];
  const month = MONTHS.indexOf(monthName);
  if (month < 0) return undefined;
  const fields = [Number(year), month, Number(day), Number(hour), Number(minute), Number(second)] as const;
  const ms = Date.UTC(...fields);
  const date = new Date(ms);
  const back = [
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  return back.every((value, index) => value === fields[index]) ? ms : undefined;
}
