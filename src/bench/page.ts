import { messageOf } from '../core/errors.ts';
import { runBench, type BenchRequest } from './runBench.ts';

/** What the driver outside the page calls. */
interface BenchWindow {
  runBench?: (request: BenchRequest) => Promise<string>;
}

(window as unknown as BenchWindow).runBench = async (request) => {
  try {
    return JSON.stringify(await runBench(navigator.gpu, request, (message) => console.info(message)));
  } catch (error) {
    throw new Error(error instanceof Error ? `${error.message}\n${error.stack}` : messageOf(error));
  }
};
