import type { Role, StatusName } from './model.ts';

/** The holder of an API token. `name` names the token without giving it away. */
export interface KnownCaller {
  readonly name: string;
  readonly role: Role;
}

export interface BuildFilter {
  readonly status?: StatusName | undefined;
  readonly branch?: string | undefined;
}

export interface TaskFilter {
  readonly status?: StatusName | undefined;
  readonly buildId?: string | undefined;
}
