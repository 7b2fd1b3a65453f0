/** Something that a check of the stored state found. */
export interface Finding {
  /** A stable word for the kind, as `--json` tells it. */
  readonly kind: string;
  /** What it is about: `task 17…`, a table, a file. */
  readonly subject: string;
  readonly detail: string;
}

/** What a check looked at and what it found. */
export interface CheckReport {
  readonly checked: {
    readonly builds: number;
    readonly tasks: number;
    readonly logs: number;
    readonly logBytes: number;
  };
  /** What must not be: any of them makes the store inconsistent. */
  readonly problems: readonly Finding[];
  /** What nothing refers to any more, such as the file of an upload that broke off. It takes room and does no harm. */
  readonly leftovers: readonly Finding[];
}
