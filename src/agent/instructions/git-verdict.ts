/** What a failed fetch calls for. */
export type FetchVerdict = 'again' | 'refused' | 'another way';

const REFUSED =
  /authentication failed|could not read (?:username|password)|returned error: 4(?:01|03|04|10)|permission denied|certificate|not found in|repository .*not found|does not appear to be a git repository/i;

const AGAIN =
  /could not resolve host|timed out|connection (?:refused|reset|closed|was)|(?:couldn't|failed to) connect|early eof|rpc failed|hung up|returned error: 5\d\d|tls|ssl_|gnutls|temporary failure/i;

/** Judges by what git printed, since its exit code is the same for all. An unknown trouble calls for another way to fetch. */
export function judgeFetch(text: string): FetchVerdict {
  if (REFUSED.test(text)) return 'refused';
  return AGAIN.test(text) ? 'again' : 'another way';
}

const MISSING =
  /not our ref|couldn't find remote ref|no such remote ref|unadvertised object|not a valid object|bad object|remote branch .* not found/i;

/** Whether git printed that what was asked for is not there; silence, after a fetch that went well, says so too. */
export function tellsMissing(text: string): boolean {
  return text.trim() === '' || MISSING.test(text);
}

/** The line of git's output that tells why it failed. */
export function reasonOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const reason = lines.findLast((line) => /^(?:fatal|error|remote): /i.test(line)) ?? lines.at(-1);
  return (reason ?? 'it said nothing').replace(/^(?:fatal|error): /i, '');
}
