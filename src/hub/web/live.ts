import { useEffect, useRef, useState } from 'preact/hooks';
import type { BuildView, WorkerView } from '../model.ts';
import { type Connection, follow } from './hub-api.ts';
import { appendPiece, EMPTY_LOG, type InstructionLog } from './log-buffer.ts';

type OnConnection = (connection: Connection) => void;

export interface Overview {
  readonly builds: readonly BuildView[];
  readonly workers: readonly WorkerView[];
}

/** The newest builds and all workers, live; undefined until the hub has answered. */
export function useOverview(onConnection: OnConnection): Overview | undefined {
  const [overview, setOverview] = useState<Overview>();
  useEffect(() => {
    const stop = new AbortController();
    const onEvent = ({ data }: { data: string }) => setOverview(JSON.parse(data) as Overview);
    void follow({ path: () => '/api/v1/events', onEvent, onConnection }, stop.signal);
    return () => stop.abort();
  }, []);
  return overview;
}

export interface LiveBuild {
  readonly build: BuildView;
  readonly logOf: (taskId: string, instruction: string) => InstructionLog;
}

interface LogMessage {
  readonly seq: number;
  readonly taskId: string;
  readonly instruction: string;
  readonly replaces: boolean;
  readonly data: string;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** One build with its logs, live. Many events in a frame are drawn once. */
export function useBuild(buildId: string, onConnection: OnConnection): LiveBuild | undefined {
  const [, redraw] = useState(0);
  const held = useRef<{ build?: BuildView; seq: number; logs: Map<string, InstructionLog>; frame: number }>({
    seq: 0,
    logs: new Map(),
    frame: 0,
  });
  useEffect(() => {
    const stop = new AbortController();
    const { current } = held;
    const schedule = () => {
      if (current.frame !== 0) return;
      current.frame = requestAnimationFrame(() => {
        current.frame = 0;
        redraw((count) => count + 1);
      });
    };
    const onLog = ({ seq, taskId, instruction, replaces, data }: LogMessage) => {
      const key = JSON.stringify([taskId, instruction]);
      current.seq = seq;
      current.logs.set(key, appendPiece(current.logs.get(key) ?? EMPTY_LOG, { replaces, data: bytesOf(data) }));
    };
    const onEvent = ({ event, data }: { event: string; data: string }) => {
      if (event === 'build') current.build = JSON.parse(data) as BuildView;
      if (event === 'log') onLog(JSON.parse(data) as LogMessage);
      schedule();
    };
    const path = () => `/api/v1/builds/${encodeURIComponent(buildId)}/events?after=${current.seq}`;
    void follow({ path, onEvent, onConnection }, stop.signal);
    return () => {
      stop.abort();
      cancelAnimationFrame(current.frame);
      current.frame = 0;
    };
  }, [buildId]);
  const { build, logs } = held.current;
  if (build === undefined) return undefined;
  return { build, logOf: (taskId, instruction) => logs.get(JSON.stringify([taskId, instruction])) ?? EMPTY_LOG };
}

/** The time, moving on each second while `running`. */
export function useNow(running: boolean): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return undefined;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [running]);
  return nowMs;
}
