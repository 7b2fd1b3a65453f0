/** What the supervisor of a worker's machine reported last. It stays when the machine is gone, and so tells why it ended. */
export interface SupervisorView {
  readonly phase: string;
  readonly reason: string;
  readonly ageSeconds: number;
  readonly deadlines: readonly { readonly rule: string; readonly dueAt: string; readonly suspended: boolean }[];
  /** Why the machine ends; null while it does not. */
  readonly endReason: string | null;
  /** Tasks that have ended in the machine's life, and what the last audit found. */
  readonly finishedTasks: number;
  readonly verdict: { readonly verdict: string; readonly reasons: readonly string[] } | null;
  readonly receivedAt: string;
}

/** When a machine ends by what its supervisor says: the first of its deadlines that counts; null when there is none. */
export function endOf({ deadlines }: Pick<SupervisorView, 'deadlines'>): number | null {
  const due = deadlines.filter(({ suspended }) => !suspended).map(({ dueAt }) => Date.parse(dueAt));
  return due.length === 0 ? null : Math.min(...due);
}
