import { expose } from 'comlink';
import { CompileWorker } from './compileWorker.ts';

expose(new CompileWorker());
