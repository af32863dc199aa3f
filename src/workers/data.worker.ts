import { DataService } from './dataService.ts';
import { exposeService } from './workerLife.ts';

/** One core is left to the page and this worker. */
const poolSize = Math.max(1, (navigator.hardwareConcurrency || 2) - 1);
exposeService(new DataService(poolSize));
