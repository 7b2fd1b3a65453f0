/** What a script left in the file that `CIRRUS_ENV` names. */
export interface ExportedVariables {
  readonly variables: Readonly<Record<string, string>>;
  /** Lines that could not be used, each told in a sentence. */
  readonly complaints: readonly string[];
}

/** More than the kernel would hand to a program anyway. */
export const MAX_ENVIRONMENT_FILE_BYTES = 1 << 20;

/**
 * One `NAME=VALUE` per line, split at the first `=`; a carriage return at the end goes; nothing is trimmed or unquoted;
 * later lines win. Blank lines are skipped, and a bad line costs itself alone, where the agent that this protocol comes
 * from throws all away (specification of the agent, 5.4 and C16).
 */
export function parseEnvironmentFile(text: string): ExportedVariables {
  const variables: Record<string, string> = {};
  const complaints: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line.trim() === '') continue;
    const equals = line.indexOf('=');
    if (equals > 0 && !line.includes('\0')) variables[line.slice(0, equals)] = line.slice(equals + 1);
    else complaints.push(`line ${index + 1} of $CIRRUS_ENV is not NAME=VALUE and was ignored`);
  }
  return { variables, complaints };
}
