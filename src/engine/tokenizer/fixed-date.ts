/** The date that chat templates are told: Friday, 26 July 2024, 00:00. */
const fields: Readonly<Record<string, string>> = {
  '%Y': '2024',
  '%y': '24',
  '%m': '07',
  '%-m': '7',
  '%B': 'July',
  '%b': 'Jul',
  '%d': '26',
  '%-d': '26',
  '%A': 'Friday',
  '%a': 'Fri',
  '%H': '00',
  '%I': '12',
  '%M': '00',
  '%S': '00',
  '%p': 'AM',
  '%F': '2024-07-26',
  '%%': '%',
};

/** Python's `datetime.strftime` of that date, for the fields above; others stay as they are. */
export function fixedStrftime(format: string): string {
  return format.replace(/%-?[A-Za-z%]/g, (field) => fields[field] ?? field);
}
