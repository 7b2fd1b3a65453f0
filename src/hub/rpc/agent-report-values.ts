import {
  type Annotation,
  Annotation_Level,
  Annotation_Type,
  type CacheRetrievalAttempt,
  type ChartPoint,
  type ResourceUtilization,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { AnnotationView, CacheAttemptView, Chart, UtilizationView } from '../agent-report-model.ts';

const MAX_MESSAGE = 4_096;
const MAX_DETAILS = 16 * 1024;
const MAX_NAME = 1_024;
const MAX_POINTS = 600;
const MAX_ATTEMPTS = 200;

const cut = (text: string, most: number) => {
  const plain = text.replaceAll('\0', '\uFFFD'); // PostgreSQL takes no zero characters
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
};

export function annotationView({
  type,
  level,
  message,
  rawDetails,
  fullyQualifiedName,
  fileLocation,
}: Annotation): AnnotationView {
  const location =
    fileLocation === undefined
      ? null
      : {
          path: cut(fileLocation.path, MAX_NAME),
          startLine: Number(fileLocation.startLine),
          endLine: Number(fileLocation.endLine),
          startColumn: Number(fileLocation.startColumn),
          endColumn: Number(fileLocation.endColumn),
        };
  return {
    type: (Annotation_Type[type] ?? 'GENERIC') as AnnotationView['type'],
    level: (Annotation_Level[level] ?? 'NOTICE') as AnnotationView['level'],
    message: cut(message, MAX_MESSAGE),
    rawDetails: cut(rawDetails, MAX_DETAILS),
    fullyQualifiedName: cut(fullyQualifiedName, MAX_NAME),
    location,
  };
}

const ms = (nanos: bigint) => Math.round(Number(nanos) / 1_000_000);

function attemptView(key: string, { error, result }: CacheRetrievalAttempt): CacheAttemptView {
  const base = { key: cut(key, MAX_NAME), error: cut(error, MAX_MESSAGE) };
  if (result.case === 'hit') {
    const { sizeBytes, downloadedInNanos, extractedInNanos } = result.value;
    const durationsMs = { download: ms(downloadedInNanos), extract: ms(extractedInNanos) };
    return { ...base, outcome: 'hit', sizeBytes: Number(sizeBytes), durationsMs };
  }
  if (result.case === 'miss') {
    const { sizeBytes, populatedInNanos, archivedInNanos, uploadedInNanos } = result.value;
    const durationsMs = { populate: ms(populatedInNanos), archive: ms(archivedInNanos), upload: ms(uploadedInNanos) };
    return { ...base, outcome: 'miss', sizeBytes: Number(sizeBytes), durationsMs };
  }
  return { ...base, outcome: 'error', sizeBytes: 0, durationsMs: {} };
}

export function attemptViews(attempts: Readonly<Record<string, CacheRetrievalAttempt>>): CacheAttemptView[] {
  return Object.entries(attempts)
    .slice(0, MAX_ATTEMPTS)
    .map(([key, attempt]) => attemptView(key, attempt));
}

/** At most so many points, in groups of equal size of which the highest stands for all: peaks are what people look for. */
export function thinned(points: readonly Pick<ChartPoint, 'secondsFromStart' | 'value'>[], most = MAX_POINTS): Chart {
  const sane = points.filter(({ value }) => Number.isFinite(value));
  const size = Math.max(1, Math.ceil(sane.length / most));
  const groups = Array.from({ length: Math.ceil(sane.length / size) }, (_, n) => sane.slice(n * size, (n + 1) * size));
  return groups.flatMap((group) => {
    const peak = group.reduce(
      (high, point) => (point.value > high.value ? point : high),
      group[0] ?? { secondsFromStart: 0, value: 0 },
    );
    return [[peak.secondsFromStart, peak.value] as const];
  });
}

const sane = (value: number) => (Number.isFinite(value) ? value : 0);

export function utilizationView({
  cpuChart,
  memoryChart,
  cpuTotal,
  memoryTotal,
}: ResourceUtilization): UtilizationView {
  return {
    cpu: thinned(cpuChart),
    memory: thinned(memoryChart),
    cpuTotal: sane(cpuTotal),
    memoryTotalBytes: sane(memoryTotal),
  };
}
