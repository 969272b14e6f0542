// Behaviour of axi_memory.sv: memory contents, timing and order of the responses, AXI protocol checks.
//
// Each port is called once per clock edge with what it samples and returns the outputs that hold after the edge.
// The contents are a file mapped into memory (MAP_SHARED), so that several ports and the test program share them.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "svdpi.h"

namespace {

constexpr uint64_t kBeatBytes = 32;
constexpr uint64_t kPageBytes = 4096;
constexpr size_t kMaxBursts = 64;
constexpr uint32_t kDecErr = 3;

struct Beat {
  uint8_t data[kBeatBytes];
  uint32_t strobe;
};

struct Burst {
  uint32_t id;
  uint64_t addr;
  uint32_t beats;
  uint32_t sent;
  uint64_t ready;  // cycle from which a response may be given
  uint32_t resp;
  std::vector<Beat> data;
};

// What a master must hold while valid waits for ready.
struct Held {
  bool waiting = false;
  std::vector<uint8_t> payload;
};

struct Port {
  uint8_t* memory = nullptr;
  uint64_t bytes = 0;
  uint64_t origin = 0;
  std::string message;

  uint32_t latency = 1, jitter = 0;
  uint32_t stall_ar = 0, stall_r = 0, stall_aw = 0, stall_w = 0, stall_b = 0;
  bool reorder = false, interleave = false, error_read = false, error_write = false;
  uint32_t error_resp = 0;
  uint64_t error_first = 0, error_last = 0;

  uint64_t random_state = 1;
  bool arready = false, rvalid = false, rlast = false;
  bool awready = false, wready = false, bvalid = false;
  uint32_t rid = 0, rresp = 0, bid = 0, bresp = 0;
  svBitVecVal rdata[8] = {};
  std::deque<Burst> reads, writes, responses;
  int current = -1;  // read burst whose beats are being given, without interleaving
  std::deque<Beat> early_data;
  std::deque<bool> early_last;
  Held ar, aw, w;

  uint64_t random() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state >> 16;
  }
  bool chance(uint32_t of_256) { return of_256 != 0 && (random() & 255) < of_256; }

  void violation(const char* what, uint64_t addr) {
    if (message.empty()) {
      char text[160];
      snprintf(text, sizeof text, "%s (address 0x%llx)", what, static_cast<unsigned long long>(addr));
      message = text;
    }
  }

  void check_held(Held& held, const char* what, bool valid, bool ready, const void* payload, size_t size) {
    if (held.waiting && (!valid || memcmp(held.payload.data(), payload, size) != 0)) violation(what, 0);
    held.waiting = valid && !ready;
    if (held.waiting) {
      const auto* first = static_cast<const uint8_t*>(payload);
      held.payload.assign(first, first + size);
    }
  }

  Burst accept(const char* channel, uint32_t id, uint64_t addr, uint32_t len, uint32_t size, uint32_t burst,
               bool fails) {
    const std::string name(channel);
    if (size != 5) violation((name + ": size is not 32 bytes").c_str(), addr);
    if (burst != 1) violation((name + ": burst is not INCR").c_str(), addr);
    if (addr % kBeatBytes) violation((name + ": address is not a multiple of 32").c_str(), addr);
    const uint64_t end = addr + (len + 1) * kBeatBytes;
    if (addr / kPageBytes != (end - 1) / kPageBytes) violation((name + ": burst crosses 4 KiB").c_str(), addr);
    uint32_t resp = 0;
    if (addr < origin || end > origin + bytes) resp = kDecErr;
    else if (fails && error_resp && end > error_first && addr <= error_last) resp = error_resp;
    return Burst{id, addr, len + 1, 0, 0, resp, {}};
  }

  uint64_t due(uint64_t now) { return now + (latency ? latency - 1 : 0) + (jitter ? random() % (jitter + 1) : 0); }

  // Index of a burst that may be served now: the oldest, or with `any` a random one that is the oldest of its ID.
  int choose(const std::deque<Burst>& from, uint64_t now, bool any) {
    if (from.empty()) return -1;
    if (!any) return from[0].ready <= now ? 0 : -1;
    int found = -1;
    uint32_t seen = 0;
    for (size_t i = 0; i < from.size(); i++) {
      if (from[i].ready > now) continue;
      bool oldest = true;
      for (size_t j = 0; j < i && oldest; j++) oldest = from[j].id != from[i].id;
      if (oldest && random() % ++seen == 0) found = static_cast<int>(i);
    }
    return found;
  }

  void give_beat(uint64_t now) {
    int index = current;
    if (interleave || index < 0) index = choose(reads, now, reorder || interleave);
    if (index < 0) return;
    Burst& burst = reads[index];
    rvalid = true;
    rid = burst.id;
    rresp = burst.resp;
    if (burst.resp) memset(rdata, 0xEE, sizeof rdata);
    else memcpy(rdata, memory + (burst.addr - origin) + burst.sent * kBeatBytes, kBeatBytes);
    rlast = ++burst.sent == burst.beats;
    current = index;
    if (rlast) {
      reads.erase(reads.begin() + index);
      current = -1;
    }
  }

  void add_data(const Beat& beat, bool last, uint64_t now) {
    Burst& burst = writes.front();
    burst.data.push_back(beat);
    const bool expected = burst.data.size() == burst.beats;
    if (last != expected) violation("W: WLAST does not match AWLEN", burst.addr);
    if (!expected) return;
    burst.ready = due(now);
    responses.push_back(std::move(burst));
    writes.pop_front();
  }

  // The data becomes visible with the response: a master that does not wait for it reads old data.
  void give_response(uint64_t now) {
    const int index = choose(responses, now, reorder);
    if (index < 0) return;
    const Burst& burst = responses[index];
    bvalid = true;
    bid = burst.id;
    bresp = burst.resp;
    if (!burst.resp) {
      uint8_t* to = memory + (burst.addr - origin);
      for (const Beat& beat : burst.data) {
        if (beat.strobe == 0xFFFFFFFFu) memcpy(to, beat.data, kBeatBytes);
        else for (unsigned i = 0; i < kBeatBytes; i++) if (beat.strobe >> i & 1) to[i] = beat.data[i];
        to += kBeatBytes;
      }
    }
    responses.erase(responses.begin() + index);
  }
};

std::vector<std::unique_ptr<Port>> ports;

}  // namespace

extern "C" {

// A port onto the file `path`, or, if that is empty, onto `bytes` of zeroed memory of its own. -1: cannot be opened.
int axi_memory_open(const char* path, long long origin, long long bytes, int number) {
  auto port = std::make_unique<Port>();
  int file = -1;
  if (*path) {
    file = open(path, O_RDWR);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) return -1;
    bytes = status.st_size;
  }
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (at == MAP_FAILED) return -1;
  port->memory = static_cast<uint8_t*>(at);
  port->bytes = bytes;
  port->origin = origin;
  const char* seed = getenv("FVGM_SEED");
  port->random_state = 0x9E3779B97F4A7C15ull * ((seed ? strtoull(seed, nullptr, 0) : 1) * 16 + number + 1);
  ports.push_back(std::move(port));
  return static_cast<int>(ports.size()) - 1;
}

void axi_memory_configure(int handle, int latency, int jitter, int stall_ar, int stall_r, int stall_aw, int stall_w,
                          int stall_b, svBit reorder, svBit interleave, svBit error_read, svBit error_write,
                          int error_resp, long long error_first, long long error_last) {
  Port& p = *ports[handle];
  p.latency = latency, p.jitter = jitter;
  p.stall_ar = stall_ar, p.stall_r = stall_r, p.stall_aw = stall_aw, p.stall_w = stall_w, p.stall_b = stall_b;
  p.reorder = reorder, p.interleave = interleave;
  p.error_read = error_read, p.error_write = error_write, p.error_resp = error_resp;
  p.error_first = error_first, p.error_last = error_last;
}

// First violation of the protocol, empty if there is none.
const char* axi_memory_message(int handle) { return ports[handle]->message.c_str(); }

void axi_memory_read(int handle, long long now, svBit reset, svBit arvalid, int arid, long long araddr, int arlen,
                     int arsize, int arburst, svBit rready, svBit* arready, svBit* rvalid, int* rid,
                     svBitVecVal* rdata, int* rresp, svBit* rlast, svBit* busy, svBit* bad) {
  Port& p = *ports[handle];
  if (reset) {
    p.reads.clear();
    p.current = -1;
    p.arready = p.rvalid = p.rlast = false;
    p.ar.waiting = false;
  } else {
    const struct { long long addr; int id, len; } payload = {araddr, arid, arlen};
    p.check_held(p.ar, "AR: changed or withdrawn before ARREADY", arvalid, p.arready, &payload, sizeof payload);
    if (arvalid && p.arready) {
      Burst burst = p.accept("AR", arid, araddr, arlen, arsize, arburst, p.error_read);
      burst.ready = p.due(now);
      p.reads.push_back(std::move(burst));
    }
    if (p.rvalid && rready) p.rvalid = false;
    if (!p.rvalid && !p.chance(p.stall_r)) p.give_beat(now);
    p.arready = p.reads.size() < kMaxBursts && !p.chance(p.stall_ar);
  }
  *arready = p.arready, *rvalid = p.rvalid, *rid = p.rid, *rresp = p.rresp, *rlast = p.rlast;
  memcpy(rdata, p.rdata, sizeof p.rdata);
  *busy = !p.reads.empty() || p.rvalid || !p.arready;
  *bad = !p.message.empty();
}

void axi_memory_write(int handle, long long now, svBit reset, svBit awvalid, int awid, long long awaddr, int awlen,
                      int awsize, int awburst, svBit wvalid, const svBitVecVal* wdata, int wstrb, svBit wlast,
                      svBit bready, svBit* awready, svBit* wready, svBit* bvalid, int* bid, int* bresp, svBit* busy,
                      svBit* bad) {
  Port& p = *ports[handle];
  if (reset) {
    p.writes.clear(), p.responses.clear(), p.early_data.clear(), p.early_last.clear();
    p.awready = p.wready = p.bvalid = false;
    p.aw.waiting = p.w.waiting = false;
  } else {
    const struct { long long addr; int id, len; } payload = {awaddr, awid, awlen};
    p.check_held(p.aw, "AW: changed or withdrawn before AWREADY", awvalid, p.awready, &payload, sizeof payload);
    if (awvalid && p.awready) p.writes.push_back(p.accept("AW", awid, awaddr, awlen, awsize, awburst, p.error_write));
    struct { Beat beat; uint32_t last; } word;
    memcpy(word.beat.data, wdata, kBeatBytes);
    word.beat.strobe = wstrb, word.last = wlast;
    p.check_held(p.w, "W: changed or withdrawn before WREADY", wvalid, p.wready, &word, sizeof word);
    if (wvalid && p.wready) p.early_data.push_back(word.beat), p.early_last.push_back(wlast);
    while (!p.early_data.empty() && !p.writes.empty()) {
      p.add_data(p.early_data.front(), p.early_last.front(), now);
      p.early_data.pop_front(), p.early_last.pop_front();
    }
    if (p.bvalid && bready) p.bvalid = false;
    if (!p.bvalid && !p.chance(p.stall_b)) p.give_response(now);
    p.awready = p.writes.size() + p.responses.size() < kMaxBursts && !p.chance(p.stall_aw);
    p.wready = p.early_data.size() < kMaxBursts && !p.chance(p.stall_w);
  }
  *awready = p.awready, *wready = p.wready, *bvalid = p.bvalid, *bid = p.bid, *bresp = p.bresp;
  *busy = !p.responses.empty() || !p.early_data.empty() || p.bvalid || !p.awready || !p.wready;
  *bad = !p.message.empty();
}

}  // extern "C"
