import type { Answer } from '../platform/bounded-request.ts';
import { failure } from '../platform/bounded-request.ts';
import { type AwsDeps, awsCall } from './aws-call.ts';

/** What EC2 does with an instance that powers itself off: `terminate` or `stop` (DescribeInstanceAttribute). */
export async function readShutdownBehaviour(
  instanceId: string,
  deps: AwsDeps,
  signal: AbortSignal,
): Promise<Answer<string>> {
  const body = new URLSearchParams({
    Action: 'DescribeInstanceAttribute',
    Attribute: 'instanceInitiatedShutdownBehavior',
    InstanceId: instanceId,
    Version: '2016-11-15',
  }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const answer = await awsCall(deps, { service: 'ec2', headers, body }, signal);
  if (!answer.ok) return answer;
  const found = /<instanceInitiatedShutdownBehavior>\s*<value>\s*([a-z]+)\s*<\/value>/.exec(answer.value)?.[1];
  return found === undefined
    ? failure('the answer does not tell the shutdown behaviour')
    : { ok: true, value: found, dateMs: answer.dateMs };
}
