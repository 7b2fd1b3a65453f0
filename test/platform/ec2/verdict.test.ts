import { expect, test } from 'bun:test';
import { elementText, verdictOf } from '../../../src/platform/ec2/verdict.ts';

const error = (code: string, message = 'why') =>
  `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors></Response>`;
const reply = (status: number, text: string) => ({ status, headers: new Headers(), text });
const DONE = (xml: string) => xml === 'done';

test.each([
  [200, 'done', { tag: 'done' }],
  [200, 'something else', { code: '', problem: 'answered 200 without saying that it was done', again: false }],
  [302, '', { code: '', problem: 'answered 302', again: false }],
  [400, error('IncorrectInstanceState'), { code: 'IncorrectInstanceState', again: false }],
  [403, error('UnauthorizedOperation'), { problem: 'UnauthorizedOperation: why', again: false }],
  [400, error('Throttling'), { again: true }],
  [429, 'slow down', { problem: 'answered 429', again: true }],
  [500, error('SomethingNew'), { again: true }],
  [503, '<html>busy</html>', { problem: 'answered 503', again: true }],
])('%d %s', (status, text, verdict) => expect(verdictOf(reply(status, text), DONE)).toMatchObject(verdict));

test('what EC2 says is fit for a log', () => {
  const verdict = verdictOf(reply(400, error('Bad\u001b', `a\n${'x'.repeat(900)}`)), DONE);
  expect(verdict).toMatchObject({ problem: `Bad\uFFFD: a\uFFFD${'x'.repeat(298)}…` });
});

test('entities are read once', () => {
  expect(elementText('<Message>&lt;a&gt; &amp;lt; &quot;&apos;</Message>', 'Message')).toBe('<a> &lt; "\'');
  expect(elementText('<Message>unfinished', 'Message')).toBeUndefined();
});
