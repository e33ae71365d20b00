import { defineConfig } from "vite";

// Names without hashes, so that a rebuilt page changes files and does not rename them: the gateway
// sends validators with them. Nothing is inlined, since the page's policy allows no data: scripts.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../../gateway/http/assets",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    rolldownOptions: {
      output: {
        entryFileNames: "page/page.js",
        chunkFileNames: "page/[name].js",
        assetFileNames: "page/[name][extname]",
      },
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
