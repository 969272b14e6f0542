// Whole accelerator with memories: clock, reset, register accesses and HBM are here, so that Python wakes up for register accesses
// and interrupts only.
//
// Registers: Python sets csr_write, csr_addr, csr_wdata and inverts csr_request; csr_ack follows it when the response
// (csr_rdata, csr_resp) is there. Memory: axi_memory on the file of +axi_memory, Origin is its byte 0. The mem_* variables are the
// knobs of all memories (see axi_memory.sv); error_core and error_port (0 hbm0, 1 hbm1) say which port fails.
module fvgm_top_tb #(
  parameter int unsigned     NumCores    = 1,
  parameter int unsigned     ChainRows   = 1,
  parameter int unsigned     ABufUnits   = 2048,
  parameter int unsigned     BBufUnits   = 2048,
  parameter int unsigned     VBufUnits   = 2048,
  parameter int unsigned     PBufEntries = 64,
  parameter int unsigned     RBufWords   = 256,
  parameter int unsigned     MBufEntries = 1024,
  parameter int unsigned     QueueDepth  = 4,
  parameter int unsigned     AxiSlots    = 4,
  parameter int unsigned     BurstBeats  = 8,
  parameter int unsigned     Contexts    = 2,
  parameter int unsigned     TaskWindow  = 4,
  parameter longint unsigned Origin      = 64'h40_0000_0000
);

  localparam int unsigned IdBits = $clog2(AxiSlots);

  logic clk_i, clk2x_i, rst_ni;
  logic [NumCores-1:0] irq_o;
  logic irq_task_o;

  // registers
  logic csr_request, csr_ack, csr_write;
  logic [16:0] csr_addr;
  logic [31:0] csr_wdata, csr_rdata;
  logic [1:0] csr_resp;

  // knobs of the memories
  logic [15:0] mem_latency, mem_jitter;
  logic [7:0] mem_stall;
  logic mem_reorder, mem_interleave, mem_error_read, mem_error_write;
  logic [1:0] mem_error_resp;
  logic [39:0] mem_error_first, mem_error_last;
  logic [3:0] mem_error_core;
  logic mem_error_port;

  initial begin
    clk_i = 1'b0;
    csr_request = 1'b0;
    csr_write = 1'b0;
    csr_addr = '0;
    csr_wdata = '0;
    mem_latency = 16'd32;
    mem_jitter = '0;
    mem_stall = '0;
    mem_reorder = 1'b0;
    mem_interleave = 1'b0;
    mem_error_read = 1'b0;
    mem_error_write = 1'b0;
    mem_error_resp = '0;
    mem_error_first = '0;
    mem_error_last = '0;
    mem_error_core = '0;
    mem_error_port = 1'b0;
    clk2x_i = 1'b0;
    // Every rising edge of clk_i is one of clk2x_i.
    forever begin
      #1 clk2x_i = 1'b1;
      clk_i = 1'b1;
      #1 clk2x_i = 1'b0;
      #1 clk2x_i = 1'b1;
      clk_i = 1'b0;
      #1 clk2x_i = 1'b0;
    end
  end

  initial begin
    rst_ni = 1'b0;
    repeat (8) @(posedge clk_i);
    rst_ni <= 1'b1;
  end

  // AXI4-Lite master
  logic awvalid, awready, wvalid, wready, bvalid, arvalid, arready, rvalid, working;
  logic [1:0] bresp, rresp;
  logic [31:0] rdata;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      awvalid <= 1'b0;
      wvalid <= 1'b0;
      arvalid <= 1'b0;
      working <= 1'b0;
      csr_ack <= 1'b0;
    end else if (!working) begin
      if (csr_request != csr_ack) begin
        working <= 1'b1;
        awvalid <= csr_write;
        wvalid <= csr_write;
        arvalid <= !csr_write;
      end
    end else begin
      if (awready) awvalid <= 1'b0;
      if (wready) wvalid <= 1'b0;
      if (arready) arvalid <= 1'b0;
      if (bvalid || rvalid) begin
        csr_resp <= bvalid ? bresp : rresp;
        csr_rdata <= rdata;
        csr_ack <= csr_request;
        working <= 1'b0;
      end
    end
  end

  // HBM ports
  logic task_arid, task_arvalid, task_arready, task_rid, task_rlast, task_rvalid, task_rready;
  logic [39:0] task_araddr;
  logic [7:0] task_arlen;
  logic [2:0] task_arsize, task_arprot;
  logic [1:0] task_arburst, task_rresp;
  logic [3:0] task_arcache;
  logic [255:0] task_rdata;
  logic [NumCores-1:0][IdBits-1:0] hbm0_arid;
  logic [NumCores-1:0][39:0] hbm0_araddr;
  logic [NumCores-1:0][7:0] hbm0_arlen;
  logic [NumCores-1:0][2:0] hbm0_arsize;
  logic [NumCores-1:0][1:0] hbm0_arburst;
  logic [NumCores-1:0][3:0] hbm0_arcache;
  logic [NumCores-1:0][2:0] hbm0_arprot;
  logic [NumCores-1:0] hbm0_arvalid;
  logic [NumCores-1:0] hbm0_arready;
  logic [NumCores-1:0][IdBits-1:0] hbm0_rid;
  logic [NumCores-1:0][255:0] hbm0_rdata;
  logic [NumCores-1:0][1:0] hbm0_rresp;
  logic [NumCores-1:0] hbm0_rlast;
  logic [NumCores-1:0] hbm0_rvalid;
  logic [NumCores-1:0] hbm0_rready;
  logic [NumCores-1:0][IdBits-1:0] hbm0_awid;
  logic [NumCores-1:0][39:0] hbm0_awaddr;
  logic [NumCores-1:0][7:0] hbm0_awlen;
  logic [NumCores-1:0][2:0] hbm0_awsize;
  logic [NumCores-1:0][1:0] hbm0_awburst;
  logic [NumCores-1:0][3:0] hbm0_awcache;
  logic [NumCores-1:0][2:0] hbm0_awprot;
  logic [NumCores-1:0] hbm0_awvalid;
  logic [NumCores-1:0] hbm0_awready;
  logic [NumCores-1:0][255:0] hbm0_wdata;
  logic [NumCores-1:0][31:0] hbm0_wstrb;
  logic [NumCores-1:0] hbm0_wlast;
  logic [NumCores-1:0] hbm0_wvalid;
  logic [NumCores-1:0] hbm0_wready;
  logic [NumCores-1:0][IdBits-1:0] hbm0_bid;
  logic [NumCores-1:0][1:0] hbm0_bresp;
  logic [NumCores-1:0] hbm0_bvalid;
  logic [NumCores-1:0] hbm0_bready;
  logic [NumCores-1:0][IdBits-1:0] hbm1_arid;
  logic [NumCores-1:0][39:0] hbm1_araddr;
  logic [NumCores-1:0][7:0] hbm1_arlen;
  logic [NumCores-1:0][2:0] hbm1_arsize;
  logic [NumCores-1:0][1:0] hbm1_arburst;
  logic [NumCores-1:0][3:0] hbm1_arcache;
  logic [NumCores-1:0][2:0] hbm1_arprot;
  logic [NumCores-1:0] hbm1_arvalid;
  logic [NumCores-1:0] hbm1_arready;
  logic [NumCores-1:0][IdBits-1:0] hbm1_rid;
  logic [NumCores-1:0][255:0] hbm1_rdata;
  logic [NumCores-1:0][1:0] hbm1_rresp;
  logic [NumCores-1:0] hbm1_rlast;
  logic [NumCores-1:0] hbm1_rvalid;
  logic [NumCores-1:0] hbm1_rready;

  fvgm_top #(
    .NumCores(NumCores),
    .ChainRows(ChainRows),
    .ABufUnits(ABufUnits),
    .BBufUnits(BBufUnits),
    .VBufUnits(VBufUnits),
    .PBufEntries(PBufEntries),
    .RBufWords(RBufWords),
    .MBufEntries(MBufEntries),
    .QueueDepth(QueueDepth),
    .AxiSlots(AxiSlots),
    .BurstBeats(BurstBeats),
    .Contexts(Contexts),
    .TaskWindow(TaskWindow)
  ) u_top (
    .clk_i,
    .clk2x_i,
    .rst_ni,
    .irq_o,
    .irq_task_o,
    .s_axil_awvalid(awvalid),
    .s_axil_awready(awready),
    .s_axil_awaddr(csr_addr),
    .s_axil_awprot(3'b000),
    .s_axil_wvalid(wvalid),
    .s_axil_wready(wready),
    .s_axil_wdata(csr_wdata),
    .s_axil_wstrb(4'hF),
    .s_axil_bvalid(bvalid),
    .s_axil_bready(1'b1),
    .s_axil_bresp(bresp),
    .s_axil_arvalid(arvalid),
    .s_axil_arready(arready),
    .s_axil_araddr(csr_addr),
    .s_axil_arprot(3'b000),
    .s_axil_rvalid(rvalid),
    .s_axil_rready(1'b1),
    .s_axil_rdata(rdata),
    .s_axil_rresp(rresp),
    .m_axi_task_arid(task_arid),
    .m_axi_task_araddr(task_araddr),
    .m_axi_task_arlen(task_arlen),
    .m_axi_task_arsize(task_arsize),
    .m_axi_task_arburst(task_arburst),
    .m_axi_task_arcache(task_arcache),
    .m_axi_task_arprot(task_arprot),
    .m_axi_task_arvalid(task_arvalid),
    .m_axi_task_arready(task_arready),
    .m_axi_task_rid(task_rid),
    .m_axi_task_rdata(task_rdata),
    .m_axi_task_rresp(task_rresp),
    .m_axi_task_rlast(task_rlast),
    .m_axi_task_rvalid(task_rvalid),
    .m_axi_task_rready(task_rready),
    .m_axi_hbm0_arid(hbm0_arid),
    .m_axi_hbm0_araddr(hbm0_araddr),
    .m_axi_hbm0_arlen(hbm0_arlen),
    .m_axi_hbm0_arsize(hbm0_arsize),
    .m_axi_hbm0_arburst(hbm0_arburst),
    .m_axi_hbm0_arcache(hbm0_arcache),
    .m_axi_hbm0_arprot(hbm0_arprot),
    .m_axi_hbm0_arvalid(hbm0_arvalid),
    .m_axi_hbm0_arready(hbm0_arready),
    .m_axi_hbm0_rid(hbm0_rid),
    .m_axi_hbm0_rdata(hbm0_rdata),
    .m_axi_hbm0_rresp(hbm0_rresp),
    .m_axi_hbm0_rlast(hbm0_rlast),
    .m_axi_hbm0_rvalid(hbm0_rvalid),
    .m_axi_hbm0_rready(hbm0_rready),
    .m_axi_hbm0_awid(hbm0_awid),
    .m_axi_hbm0_awaddr(hbm0_awaddr),
    .m_axi_hbm0_awlen(hbm0_awlen),
    .m_axi_hbm0_awsize(hbm0_awsize),
    .m_axi_hbm0_awburst(hbm0_awburst),
    .m_axi_hbm0_awcache(hbm0_awcache),
    .m_axi_hbm0_awprot(hbm0_awprot),
    .m_axi_hbm0_awvalid(hbm0_awvalid),
    .m_axi_hbm0_awready(hbm0_awready),
    .m_axi_hbm0_wdata(hbm0_wdata),
    .m_axi_hbm0_wstrb(hbm0_wstrb),
    .m_axi_hbm0_wlast(hbm0_wlast),
    .m_axi_hbm0_wvalid(hbm0_wvalid),
    .m_axi_hbm0_wready(hbm0_wready),
    .m_axi_hbm0_bid(hbm0_bid),
    .m_axi_hbm0_bresp(hbm0_bresp),
    .m_axi_hbm0_bvalid(hbm0_bvalid),
    .m_axi_hbm0_bready(hbm0_bready),
    .m_axi_hbm1_arid(hbm1_arid),
    .m_axi_hbm1_araddr(hbm1_araddr),
    .m_axi_hbm1_arlen(hbm1_arlen),
    .m_axi_hbm1_arsize(hbm1_arsize),
    .m_axi_hbm1_arburst(hbm1_arburst),
    .m_axi_hbm1_arcache(hbm1_arcache),
    .m_axi_hbm1_arprot(hbm1_arprot),
    .m_axi_hbm1_arvalid(hbm1_arvalid),
    .m_axi_hbm1_arready(hbm1_arready),
    .m_axi_hbm1_rid(hbm1_rid),
    .m_axi_hbm1_rdata(hbm1_rdata),
    .m_axi_hbm1_rresp(hbm1_rresp),
    .m_axi_hbm1_rlast(hbm1_rlast),
    .m_axi_hbm1_rvalid(hbm1_rvalid),
    .m_axi_hbm1_rready(hbm1_rready)
  );

  // caches and protection mean nothing to a memory
  logic unused_bits;
  assign unused_bits = ^{hbm0_arcache, hbm0_arprot, hbm0_awcache, hbm0_awprot,
                         hbm1_arcache, hbm1_arprot, task_arcache, task_arprot};

  for (genvar c = 0; c < NumCores; c++) begin : g_memory
    logic fails_0;
    assign fails_0 = mem_error_core == 4'(c) && mem_error_port == 1'b0;

    axi_memory #(
      .IdBits(IdBits),
      .Origin(Origin),
      .Number(2 * c + 0)
    ) u_hbm0 (
      .clk_i,
      .rst_ni,
      .latency_i(mem_latency),
      .jitter_i(mem_jitter),
      .stall_ar_i(mem_stall),
      .stall_r_i(mem_stall),
      .stall_aw_i(mem_stall),
      .stall_w_i(mem_stall),
      .stall_b_i(mem_stall),
      .reorder_i(mem_reorder),
      .interleave_i(mem_interleave),
      .error_read_i(mem_error_read && fails_0),
      .error_write_i(mem_error_write && fails_0),
      .error_resp_i(mem_error_resp),
      .error_first_i(mem_error_first),
      .error_last_i(mem_error_last),
      .s_axi_arid(hbm0_arid[c]),
      .s_axi_araddr(hbm0_araddr[c]),
      .s_axi_arlen(hbm0_arlen[c]),
      .s_axi_arsize(hbm0_arsize[c]),
      .s_axi_arburst(hbm0_arburst[c]),
      .s_axi_arvalid(hbm0_arvalid[c]),
      .s_axi_arready(hbm0_arready[c]),
      .s_axi_rid(hbm0_rid[c]),
      .s_axi_rdata(hbm0_rdata[c]),
      .s_axi_rresp(hbm0_rresp[c]),
      .s_axi_rlast(hbm0_rlast[c]),
      .s_axi_rvalid(hbm0_rvalid[c]),
      .s_axi_rready(hbm0_rready[c]),
      .s_axi_awid(hbm0_awid[c]),
      .s_axi_awaddr(hbm0_awaddr[c]),
      .s_axi_awlen(hbm0_awlen[c]),
      .s_axi_awsize(hbm0_awsize[c]),
      .s_axi_awburst(hbm0_awburst[c]),
      .s_axi_awvalid(hbm0_awvalid[c]),
      .s_axi_awready(hbm0_awready[c]),
      .s_axi_wdata(hbm0_wdata[c]),
      .s_axi_wstrb(hbm0_wstrb[c]),
      .s_axi_wlast(hbm0_wlast[c]),
      .s_axi_wvalid(hbm0_wvalid[c]),
      .s_axi_wready(hbm0_wready[c]),
      .s_axi_bid(hbm0_bid[c]),
      .s_axi_bresp(hbm0_bresp[c]),
      .s_axi_bvalid(hbm0_bvalid[c]),
      .s_axi_bready(hbm0_bready[c])
    );

    logic fails_1;
    assign fails_1 = mem_error_core == 4'(c) && mem_error_port == 1'b1;

    axi_memory #(
      .IdBits(IdBits),
      .Origin(Origin),
      .Number(2 * c + 1)
    ) u_hbm1 (
      .clk_i,
      .rst_ni,
      .latency_i(mem_latency),
      .jitter_i(mem_jitter),
      .stall_ar_i(mem_stall),
      .stall_r_i(mem_stall),
      .stall_aw_i(mem_stall),
      .stall_w_i(mem_stall),
      .stall_b_i(mem_stall),
      .reorder_i(mem_reorder),
      .interleave_i(mem_interleave),
      .error_read_i(mem_error_read && fails_1),
      .error_write_i(mem_error_write && fails_1),
      .error_resp_i(mem_error_resp),
      .error_first_i(mem_error_first),
      .error_last_i(mem_error_last),
      .s_axi_arid(hbm1_arid[c]),
      .s_axi_araddr(hbm1_araddr[c]),
      .s_axi_arlen(hbm1_arlen[c]),
      .s_axi_arsize(hbm1_arsize[c]),
      .s_axi_arburst(hbm1_arburst[c]),
      .s_axi_arvalid(hbm1_arvalid[c]),
      .s_axi_arready(hbm1_arready[c]),
      .s_axi_rid(hbm1_rid[c]),
      .s_axi_rdata(hbm1_rdata[c]),
      .s_axi_rresp(hbm1_rresp[c]),
      .s_axi_rlast(hbm1_rlast[c]),
      .s_axi_rvalid(hbm1_rvalid[c]),
      .s_axi_rready(hbm1_rready[c]),
      .s_axi_awid('0),
      .s_axi_awaddr('0),
      .s_axi_awlen('0),
      .s_axi_awsize('0),
      .s_axi_awburst('0),
      .s_axi_awvalid('0),
      .s_axi_awready(),
      .s_axi_wdata('0),
      .s_axi_wstrb('0),
      .s_axi_wlast('0),
      .s_axi_wvalid('0),
      .s_axi_wready(),
      .s_axi_bid(),
      .s_axi_bresp(),
      .s_axi_bvalid(),
      .s_axi_bready('0)
    );
  end

  // the table of tasks: mem_error_core NumCores
  logic fails_task;
  assign fails_task = mem_error_core == 4'(NumCores);

  axi_memory #(
    .IdBits(1),
    .Origin(Origin),
    .Number(2 * NumCores)
  ) u_task (
    .clk_i,
    .rst_ni,
    .latency_i(mem_latency),
    .jitter_i(mem_jitter),
    .stall_ar_i(mem_stall),
    .stall_r_i(mem_stall),
    .stall_aw_i(mem_stall),
    .stall_w_i(mem_stall),
    .stall_b_i(mem_stall),
    .reorder_i(mem_reorder),
    .interleave_i(mem_interleave),
    .error_read_i(mem_error_read && fails_task),
    .error_write_i(mem_error_write && fails_task),
    .error_resp_i(mem_error_resp),
    .error_first_i(mem_error_first),
    .error_last_i(mem_error_last),
    .s_axi_arid(task_arid),
    .s_axi_araddr(task_araddr),
    .s_axi_arlen(task_arlen),
    .s_axi_arsize(task_arsize),
    .s_axi_arburst(task_arburst),
    .s_axi_arvalid(task_arvalid),
    .s_axi_arready(task_arready),
    .s_axi_rid(task_rid),
    .s_axi_rdata(task_rdata),
    .s_axi_rresp(task_rresp),
    .s_axi_rlast(task_rlast),
    .s_axi_rvalid(task_rvalid),
    .s_axi_rready(task_rready),
    .s_axi_awid('0),
    .s_axi_awaddr('0),
    .s_axi_awlen('0),
    .s_axi_awsize('0),
    .s_axi_awburst('0),
    .s_axi_awvalid('0),
    .s_axi_awready(),
    .s_axi_wdata('0),
    .s_axi_wstrb('0),
    .s_axi_wlast('0),
    .s_axi_wvalid('0),
    .s_axi_wready(),
    .s_axi_bid(),
    .s_axi_bresp(),
    .s_axi_bvalid(),
    .s_axi_bready('0)
  );

  bind fvgm_scheduler fvgm_trace #(
    .Contexts(Contexts),
    .ContextW(ContextW)
  ) u_trace (
    .clk_i,
    .cycle_i(counters_o.cycles[31:0]),
    .ended_i(trace_end),
    .start_i(trace_start),
    .done_i(trace_done),
    .start_tag_i(cmd_tag),
    .done_tag_i(done_tag),
    .start_context_i(cmd_context),
    .done_context_i(done_context),
    .task_start_i(start_valid),
    .task_context_i(start_context),
    .task_over_i(task_done_o),
    .seq_i(seq)
  );

endmodule
