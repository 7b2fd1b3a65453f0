import type { JournalEntry } from './journal.ts';

export interface NameFacts {
  readonly configured: string | undefined;
  /** From the journal. */
  readonly kept: JournalEntry['named'];
  /** The instance that the metadata service told just now; undefined when it was not asked or did not answer. */
  readonly seenId: string | undefined;
  /** The instance that the journal knows. */
  readonly knownId: string | null;
  readonly hostName: string;
}

export interface MachineName {
  readonly name: string;
  /** For the journal. */
  readonly named: JournalEntry['named'];
}

/** What a journal kept, where it is that of this instance: an image may hold the journal of another one. */
function keptName({ kept, seenId, knownId }: NameFacts): JournalEntry['named'] {
  return kept !== null && kept.instanceId === (seenId ?? knownId) ? kept : null;
}

/** Whether the instance's Name tag has to be asked for. */
export function asksForName(facts: NameFacts): boolean {
  return facts.configured === undefined && facts.seenId !== undefined && keptName(facts) === null;
}

/** As configured, else as the instance's Name tag says or said, else that of the host. `tag`: what was read just now. */
export function nameMachine(facts: NameFacts, tag: string | undefined): MachineName {
  const { configured, seenId, hostName } = facts;
  const read = tag === undefined || seenId === undefined ? null : { instanceId: seenId, name: tag };
  const named = keptName(facts) ?? read;
  return { name: configured ?? named?.name ?? hostName, named };
}
