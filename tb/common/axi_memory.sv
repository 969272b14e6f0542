// AXI4 slave memory for simulation, 256 bits wide; its behaviour is axi_memory.cpp (pass that file
// to the build, too).
//
// Contents: the file that +axi_memory=<path> names, mapped into memory: several instances and the
// test program share them, and the test program reads and writes the file (numpy.memmap) at any
// time. Without the argument an instance has Bytes of zeroed memory of its own. Address Origin is
// byte 0; a burst outside answers DECERR.
//
// Timing: the first beat of a read is given latency_i (at least 1) plus 0 to jitter_i cycles after
// its AR handshake, a write response after the handshake of the last of its beats; stall_*_i of 256
// cycles that channel idles. reorder_i: a random ready burst goes first (of one ID always the
// oldest); interleave_i: also between the beats of reads. Written data becomes visible with the B
// response. A burst that meets error_first_i..error_last_i answers error_resp_i (2 SLVERR, 3
// DECERR; 0 none) where error_read_i or error_write_i say so.
//
// Checks: size, INCR, alignment, 4 KiB, WLAST, payload held until ready. A violation ends the
// simulation with $fatal.
// Randomness comes from the environment's FVGM_SEED and Number. One call per channel pair and cycle
// while it is busy.
module axi_memory #(
  parameter int unsigned     IdBits = 4,
  parameter longint unsigned Origin = 0,
  parameter longint unsigned Bytes  = 1 << 20,
  parameter int unsigned     Number = 0
) (
  input  logic              clk_i,
  input  logic              rst_ni,

  input  logic [15:0]       latency_i,
  input  logic [15:0]       jitter_i,
  input  logic [7:0]        stall_ar_i,
  input  logic [7:0]        stall_r_i,
  input  logic [7:0]        stall_aw_i,
  input  logic [7:0]        stall_w_i,
  input  logic [7:0]        stall_b_i,
  input  logic              reorder_i,
  input  logic              interleave_i,
  input  logic              error_read_i,
  input  logic              error_write_i,
  input  logic [1:0]        error_resp_i,
  input  logic [39:0]       error_first_i,
  input  logic [39:0]       error_last_i,

  input  logic [IdBits-1:0] s_axi_arid,
  input  logic [39:0]       s_axi_araddr,
  input  logic [7:0]        s_axi_arlen,
  input  logic [2:0]        s_axi_arsize,
  input  logic [1:0]        s_axi_arburst,
  input  logic              s_axi_arvalid,
  output logic              s_axi_arready,
  output logic [IdBits-1:0] s_axi_rid,
  output logic [255:0]      s_axi_rdata,
  output logic [1:0]        s_axi_rresp,
  output logic              s_axi_rlast,
  output logic              s_axi_rvalid,
  input  logic              s_axi_rready,

  input  logic [IdBits-1:0] s_axi_awid,
  input  logic [39:0]       s_axi_awaddr,
  input  logic [7:0]        s_axi_awlen,
  input  logic [2:0]        s_axi_awsize,
  input  logic [1:0]        s_axi_awburst,
  input  logic              s_axi_awvalid,
  output logic              s_axi_awready,
  input  logic [255:0]      s_axi_wdata,
  input  logic [31:0]       s_axi_wstrb,
  input  logic              s_axi_wlast,
  input  logic              s_axi_wvalid,
  output logic              s_axi_wready,
  output logic [IdBits-1:0] s_axi_bid,
  output logic [1:0]        s_axi_bresp,
  output logic              s_axi_bvalid,
  input  logic              s_axi_bready
);

  import "DPI-C" function int axi_memory_open(
    input string path, input longint origin, input longint bytes, input int number);
  import "DPI-C" function void axi_memory_configure(
    input int handle, input int latency, input int jitter, input int stall_ar, input int stall_r,
    input int stall_aw, input int stall_w, input int stall_b, input bit reorder,
    input bit interleave, input bit error_read, input bit error_write, input int error_resp,
    input longint error_first, input longint error_last);
  import "DPI-C" function string axi_memory_message(input int handle);
  import "DPI-C" function void axi_memory_read(
    input int handle, input longint now, input bit reset, input bit arvalid, input int arid,
    input longint araddr, input int arlen, input int arsize, input int arburst, input bit rready,
    output bit arready, output bit rvalid, output int rid, output bit [255:0] rdata,
    output int rresp, output bit rlast, output bit busy, output bit bad);
  import "DPI-C" function void axi_memory_write(
    input int handle, input longint now, input bit reset, input bit awvalid, input int awid,
    input longint awaddr, input int awlen, input int awsize, input int awburst, input bit wvalid,
    input bit [255:0] wdata, input int wstrb, input bit wlast, input bit bready,
    output bit awready, output bit wready, output bit bvalid, output int bid, output int bresp,
    output bit busy, output bit bad);

  typedef struct packed {
    logic [15:0] latency, jitter;
    logic [7:0]  stall_ar, stall_r, stall_aw, stall_w, stall_b;
    logic        reorder, interleave, error_read, error_write;
    logic [1:0]  error_resp;
    logic [39:0] error_first, error_last;
  } settings_t;

  int handle;
  string path;
  settings_t settings, settings_q;
  longint now_q;
  logic read_busy_q, write_busy_q, configured_q;

  initial begin
    if (!$value$plusargs("axi_memory=%s", path)) path = "";
    handle = axi_memory_open(path, Origin, Bytes, int'(Number));
    if (handle < 0) $fatal(1, "axi_memory: cannot open '%s'", path);
    configured_q = 1'b0;
    now_q = 0;
  end

  assign settings = '{
    latency: latency_i, jitter: jitter_i, stall_ar: stall_ar_i, stall_r: stall_r_i,
    stall_aw: stall_aw_i, stall_w: stall_w_i, stall_b: stall_b_i, reorder: reorder_i,
    interleave: interleave_i, error_read: error_read_i, error_write: error_write_i,
    error_resp: error_resp_i, error_first: error_first_i,
    error_last: error_last_i
  };

  always @(posedge clk_i) begin : ports
    automatic bit arready, rvalid, rlast, awready, wready, bvalid, busy, bad;
    automatic int rid, rresp, bid, bresp;
    automatic bit [255:0] rdata;
    now_q <= now_q + 1;
    if (!configured_q || settings != settings_q) begin
      axi_memory_configure(handle, 32'(latency_i), 32'(jitter_i), 32'(stall_ar_i), 32'(stall_r_i),
                           32'(stall_aw_i), 32'(stall_w_i), 32'(stall_b_i), reorder_i, interleave_i,
                           error_read_i, error_write_i, 32'(error_resp_i), 64'(error_first_i),
                           64'(error_last_i));
      settings_q <= settings;
      configured_q <= 1'b1;
    end
    if (!rst_ni || s_axi_arvalid || read_busy_q) begin
      axi_memory_read(handle, now_q, !rst_ni, s_axi_arvalid, 32'(s_axi_arid), 64'(s_axi_araddr),
                      32'(s_axi_arlen), 32'(s_axi_arsize), 32'(s_axi_arburst), s_axi_rready,
                      arready, rvalid, rid, rdata, rresp, rlast, busy, bad);
      s_axi_arready <= arready;
      s_axi_rvalid <= rvalid;
      s_axi_rid <= IdBits'(rid);
      if (rvalid) s_axi_rdata <= rdata;
      s_axi_rresp <= 2'(rresp);
      s_axi_rlast <= rlast;
      read_busy_q <= busy || !rst_ni;
      if (bad) $fatal(1, "axi_memory %m: %s", axi_memory_message(handle));
    end
    if (!rst_ni || s_axi_awvalid || s_axi_wvalid || write_busy_q) begin
      axi_memory_write(handle, now_q, !rst_ni, s_axi_awvalid, 32'(s_axi_awid), 64'(s_axi_awaddr),
                       32'(s_axi_awlen), 32'(s_axi_awsize), 32'(s_axi_awburst), s_axi_wvalid,
                       s_axi_wdata, 32'(s_axi_wstrb), s_axi_wlast, s_axi_bready,
                       awready, wready, bvalid, bid, bresp, busy, bad);
      s_axi_awready <= awready;
      s_axi_wready <= wready;
      s_axi_bvalid <= bvalid;
      s_axi_bid <= IdBits'(bid);
      s_axi_bresp <= 2'(bresp);
      write_busy_q <= busy || !rst_ni;
      if (bad) $fatal(1, "axi_memory %m: %s", axi_memory_message(handle));
    end
  end

endmodule
