interface Tally {
  count: number;
  seconds: number;
}

/** Methods that are told apart; anything else that a client makes up is one more. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Counts answered requests by method and status. */
export class RequestCounts {
  readonly #tallies = new Map<string, Tally>();

  add(method: string, status: number, durationMs: number): void {
    const key = `${METHODS.includes(method) ? method : 'other'} ${status}`;
    const tally = this.#tallies.get(key) ?? { count: 0, seconds: 0 };
    tally.count += 1;
    tally.seconds += durationMs / 1_000;
    this.#tallies.set(key, tally);
  }

  list(): { readonly method: string; readonly status: number; readonly count: number; readonly seconds: number }[] {
    return [...this.#tallies].map(([key, tally]) => {
      const [method = '', status = ''] = key.split(' ');
      return { method, status: Number(status), ...tally };
    });
  }
}
