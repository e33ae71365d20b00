import { createRoot } from "react-dom/client";

import { Captions } from "./captions";

const server = new URLSearchParams(location.search).get("server");
const root = document.getElementById("root") as HTMLElement;
createRoot(root).render(<Captions url={server ?? "ws://localhost:8000/ws/asr"} />);
