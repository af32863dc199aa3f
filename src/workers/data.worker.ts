import { expose } from 'comlink';
import { DataService } from './dataService.ts';

/** One core is left to the page and this worker. */
const poolSize = Math.max(1, (navigator.hardwareConcurrency || 2) - 1);

expose(new DataService(poolSize));
