import type { Plugin } from 'vite';
export declare function offlinePlugin(): Plugin;
