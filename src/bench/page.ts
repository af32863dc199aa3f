import { messageOf } from '../core/errors.ts';
import { runBench, type BenchRequest } from './runBench.ts';

/** What the driver outside the page calls. */
interface BenchWindow {
  runBench?: (request: BenchRequest) => Promise<string>;
}

/** The driver serves the model beside the page. */
async function readBox(fileName: string): Promise<Uint8Array | null> {
  const response = await fetch(`box/${fileName}`);
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
}

(window as unknown as BenchWindow).runBench = async (request) => {
  try {
    const progress = (message: string): void => console.info(message);
    return JSON.stringify(await runBench(navigator.gpu, request, progress, readBox));
  } catch (error) {
    throw new Error(error instanceof Error ? `${error.message}\n${error.stack}` : messageOf(error));
  }
};
