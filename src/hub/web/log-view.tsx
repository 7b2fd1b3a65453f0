import { Component } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { formatDuration } from '../../lib/duration.ts';
import type { InstructionView, TaskView } from '../model.ts';
import { presentStyle } from './ansi-spans.ts';
import { get } from './hub-api.ts';
import type { LiveBuild } from './live.ts';
import { type InstructionLog, type LogLine, openLine } from './log-buffer.ts';
import { StatusDot } from './status-dot.tsx';

function Line({ line }: { line: LogLine }) {
  return (
    <div class="line" data-number={line.number}>
      {line.spans.map(({ text, style }, index) => {
        const { className, css } = presentStyle(style);
        const plain = className === '' && Object.keys(css).length === 0;
        return plain ? text : <span key={index} class={className} style={css} children={text} />;
      })}
      {'\n'}
    </div>
  );
}

/** Drawn again only when its lines are other ones: what is full stays as it is. */
class Block extends Component<{ lines: readonly LogLine[] }> {
  override shouldComponentUpdate(next: { lines: readonly LogLine[] }): boolean {
    return next.lines !== this.props.lines;
  }

  override render() {
    return (
      <div class="block">
        {this.props.lines.map((line) => (
          <Line key={line.number} line={line} />
        ))}
      </div>
    );
  }
}

async function download(task: TaskView, instruction: string): Promise<void> {
  const path = `/api/v1/tasks/${encodeURIComponent(task.id)}/logs/${encodeURIComponent(instruction)}`;
  const response = await get(path);
  if (!response.ok) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${task.name}-${instruction}.log`.replace(/[^\w.-]+/g, '-');
  link.click();
  URL.revokeObjectURL(link.href);
}

function LogText({ log }: { log: InstructionLog }) {
  const last = openLine(log);
  const first = log.blocks[0]?.[0]?.number ?? 1;
  if (log.blocks.length === 0 && last === undefined) return <p class="quiet no-output">no output</p>;
  return (
    <div class="log">
      {first > 1 && <p class="quiet no-output">{first - 1} earlier lines are in the download</p>}
      {log.blocks.map((lines) => (
        <Block key={lines[0]?.number} lines={lines} />
      ))}
      {last !== undefined && <Line line={last} />}
    </div>
  );
}

function outcomeOf({ status, exitCode, durationMs }: InstructionView): string {
  const parts = [
    status === 'FAILED' && exitCode !== null ? `exit code ${exitCode}` : '',
    durationMs === null ? '' : formatDuration(durationMs),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

interface InstructionProps {
  readonly task: TaskView;
  readonly instruction: InstructionView;
  readonly log: InstructionLog;
}

function InstructionPanel({ task, instruction, log }: InstructionProps) {
  const [chosen, setChosen] = useState<boolean>();
  const interesting = instruction.status === 'EXECUTING' || instruction.status === 'FAILED';
  const isOpen = chosen ?? (interesting || (instruction.kind === 'script' && log.lineCount > 0));
  return (
    <section class="instruction">
      <div class="instruction-head">
        <button type="button" class="fold" aria-expanded={isOpen} onClick={() => setChosen(!isOpen)}>
          <span class="caret">{isOpen ? '▾' : '▸'}</span>
          <StatusDot status={instruction.status} />
          <span class="instruction-name">{instruction.name}</span>
          <span class="quiet">{instruction.kind === instruction.name ? '' : instruction.kind}</span>
          <span class="quiet outcome">{outcomeOf(instruction)}</span>
        </button>
        <button
          type="button"
          class="plain"
          title={`download the log of ${instruction.name}`}
          onClick={() => void download(task, instruction.name)}
        >
          ↓
        </button>
      </div>
      {isOpen && <LogText log={log} />}
    </section>
  );
}

/** All instructions of a task. Stays at the end while the reader is there, as a terminal does. */
export function LogView({ task, logOf }: { task: TaskView; logOf: LiveBuild['logOf'] }) {
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const onScroll = () => {
      const page = document.documentElement;
      atEnd.current = page.scrollHeight - page.scrollTop - page.clientHeight < 40;
    };
    addEventListener('scroll', onScroll, { passive: true });
    return () => removeEventListener('scroll', onScroll);
  }, []);
  useLayoutEffect(() => {
    const running = task.finishedAt === null && task.startedAt !== null;
    if (running && atEnd.current) scrollTo({ top: document.documentElement.scrollHeight });
  });
  return (
    <div class="card logs">
      {task.instructions.map((instruction) => (
        <InstructionPanel
          key={instruction.name}
          task={task}
          instruction={instruction}
          log={logOf(task.id, instruction.name)}
        />
      ))}
      {task.instructions.length === 0 && <p class="quiet no-output">{task.reason ?? 'no instructions'}</p>}
    </div>
  );
}
