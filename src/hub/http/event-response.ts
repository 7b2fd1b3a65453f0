const encoder = new TextEncoder();

/**
 * Answers with an event stream. `makeFeed` is pulled as fast as the client reads and no faster; its signal aborts when
 * the client leaves or `stop` aborts, and the stream then ends without an error.
 */
export function eventResponse(makeFeed: (signal: AbortSignal) => AsyncGenerator<string>, stop: AbortSignal): Response {
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, stop]);
  const feed = makeFeed(signal);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await feed.next();
          if (next.done !== true) return controller.enqueue(encoder.encode(next.value));
        } catch (error) {
          if (!signal.aborted) return controller.error(error);
        }
        left.abort(); // the watch of the feed ends with it
        controller.close();
      },
      async cancel() {
        left.abort();
        await feed.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    },
  });
}
