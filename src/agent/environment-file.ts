/** What a script left in the file that `CIRRUS_ENV` names. */
export interface ExportedVariables {
  readonly variables: Readonly<Record<string, string>>;
  /** Lines that could not be used, each told in a sentence. */
  readonly complaints: readonly string[];
}

/** More than the kernel would hand to a program anyway. */
export const MAX_ENVIRONMENT_FILE_BYTES = 1 << 20;

/** `NAME<<WORD` begins a value of several lines, which a line with WORD alone ends. */
const SEVERAL_LINES = /^([^=\s]+)<<([^=\s]+)$/;

class Reader {
  readonly variables: Record<string, string> = {};
  readonly complaints: string[] = [];

  set(name: string, value: string, lineNumber: number): void {
    if (!`${name}${value}`.includes('\0')) this.variables[name] = value;
    else this.complaints.push(`line ${lineNumber} of $CIRRUS_ENV holds a NUL byte and was ignored`);
  }

  /** Takes what begins in line `at`, counted from 0. Returns the line to go on with. */
  take(lines: readonly string[], at: number): number {
    const line = lines[at] ?? '';
    const [, name, word] = SEVERAL_LINES.exec(line) ?? [];
    const equals = line.indexOf('=');
    if (name !== undefined) return this.#takeSeveral(lines, at, name, word);
    if (equals >= 0) this.set(line.slice(0, equals), line.slice(equals + 1), at + 1);
    else if (line.trim() !== '')
      this.complaints.push(`line ${at + 1} of $CIRRUS_ENV is not NAME=VALUE and was ignored`);
    return at + 1;
  }

  #takeSeveral(lines: readonly string[], at: number, name: string, word: string | undefined): number {
    const end = lines.findIndex((line, index) => index > at && line === word);
    if (end < 0) {
      this.complaints.push(
        `line ${at + 1} of $CIRRUS_ENV: no line "${word}" ends the value of ${name}; it was ignored`,
      );
      return at + 1;
    }
    this.set(name, lines.slice(at + 1, end).join('\n'), at + 1);
    return end + 1;
  }
}

/**
 * One `NAME=VALUE` per line, split at the first `=`; a carriage return at the end goes; nothing is trimmed or unquoted;
 * later lines win. Several lines stand between `NAME<<WORD` and `WORD`. Blank lines are skipped, and a bad line costs
 * itself alone, where the agent that this protocol comes from throws all away (specification of the agent, 5.4 and C16).
 */
export function parseEnvironmentFile(text: string): ExportedVariables {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  const reader = new Reader();
  for (let at = 0; at < lines.length; ) at = reader.take(lines, at);
  return reader;
}
