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
