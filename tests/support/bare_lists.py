"""A FastAPI server that reads rows with SQLAlchemy and answers them as JSON, and does nothing else: what lists cost at
the least. `python -m tests.support.bare_lists --database FILE --ready-fd N`."""

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from server.management.database.tables import ItemRow


def application(database: Path) -> FastAPI:
    engine = create_engine(f"sqlite:///{database}")
    app = FastAPI()

    def shown(row: ItemRow) -> dict[str, Any]:
        return {"id": row.id, "parent": row.parent_id, **json.loads(row.properties)}

    @app.get("/cameras")
    def cameras(size: int) -> JSONResponse:
        with Session(engine) as session:
            query = select(ItemRow).where(ItemRow.kind == "cameras").order_by(ItemRow.created_us, ItemRow.id)
            return JSONResponse({"array": [shown(row) for row in session.scalars(query.limit(size))]})

    @app.get("/cameras/{camera}")
    def camera(camera: str) -> JSONResponse:
        with Session(engine) as session:
            row = session.get(ItemRow, camera)
            assert row is not None
            return JSONResponse({"data": shown(row)})

    return app


async def serve(options: argparse.Namespace) -> None:
    server = uvicorn.Server(uvicorn.Config(application(options.database), port=0, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    os.write(options.ready_fd, json.dumps({"http": f"http://127.0.0.1:{port}"}).encode() + b"\n")
    os.close(options.ready_fd)
    await serving


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    asyncio.run(serve(parser.parse_args()))
