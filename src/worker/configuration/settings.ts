import type { Amounts } from '../../lib/amounts.ts';
import type { Secret } from '../../lib/secret.ts';

/** A value from outside the file, and where it comes from, for messages: `--name`, `PWAGENT_NAME`. */
export interface Given<T> {
  readonly value: T;
  readonly from: string;
}

/** What flags or the environment say; undefined where they say nothing. */
export interface Settings {
  readonly name?: Given<string> | undefined;
  readonly token?: Given<Secret> | undefined;
  readonly labels?: Given<Readonly<Record<string, string>>> | undefined;
  readonly resources?: Given<Amounts> | undefined;
  readonly rpcEndpoint?: Given<string> | undefined;
  readonly logLevel?: Given<string> | undefined;
  readonly ephemeral?: boolean | undefined;
  readonly exitOnRefusal?: boolean | undefined;
}
