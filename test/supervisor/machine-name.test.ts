import { describe, expect, test } from 'bun:test';
import { asksForName, type NameFacts, nameMachine } from '../../src/supervisor/machine-name.ts';

const HERE = 'i-0123456789abcdef0';
const OTHER = 'i-0fedcba9876543210';
const BARE: NameFacts = {
  configured: undefined,
  kept: null,
  seenId: undefined,
  knownId: null,
  hostName: 'ip-10-0-0-7',
};
const kept = { instanceId: HERE, name: 'Mac-7' };

describe('the name of the machine', () => {
  test.each([
    ['configured', { configured: 'set', seenId: HERE }, undefined, false, 'set', null],
    ['the tag', { seenId: HERE }, 'Mac-7', true, 'Mac-7', kept],
    ['no tag, or none that could be read', { seenId: HERE }, undefined, true, 'ip-10-0-0-7', null],
    ['no service', {}, undefined, false, 'ip-10-0-0-7', null],
    ['no service, but known from before', { kept, knownId: HERE }, undefined, false, 'Mac-7', kept],
    ['known from before: not asked again', { kept, knownId: HERE, seenId: HERE }, undefined, false, 'Mac-7', kept],
    ['the journal of another instance', { kept, knownId: HERE, seenId: OTHER }, undefined, true, 'ip-10-0-0-7', null],
    [
      'the same, with a tag',
      { kept, knownId: HERE, seenId: OTHER },
      'Mac-8',
      true,
      'Mac-8',
      { instanceId: OTHER, name: 'Mac-8' },
    ],
    ['configured: what was learnt stays', { configured: 'set', kept, knownId: HERE }, undefined, false, 'set', kept],
  ])('%s', (_title, changes, tag, asks, name, named) => {
    const facts = { ...BARE, ...changes };
    expect([asksForName(facts), nameMachine(facts, tag)]).toEqual([asks, { name, named }]);
  });
});
